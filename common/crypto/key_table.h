// KeyTable: the topic of persons' wrapped keys, read whole and kept in memory; what LogKeyStore
// stands on. One for a process.
//
//   {"identity.keys", shard of the person's id}:  key: the person's id, value: KeyRecord
//
// The topic is compacted: of a person's records the last one stays. What stands is decided by the
// order in the log: of two keys the first, and an erasure for ever. A record that came too late
// changes nothing here, and would all the same be the last one: whoever reads it writes what stands
// once more, long before the log compacts it (KafkaLog: no sooner than an hour).
//
// Memory: about 250 bytes a person. At its start it reads the whole topic, before it answers
// anything.
//
// Life cycle: construct, Start, Stop, destroy; Start and Stop not on the loop's thread. Threads:
// Find and Page from any; Tasks are begun on any and resumed on the loop's.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/scheduler.h"
#include "common/base/task.h"
#include "common/event_log/event_log.h"
#include "epigrid/internal/v1/key_record.pb.h"

namespace epigrid {

using internal::v1::KeyRecord;

class KeyTable {
 public:
  struct Options {
    std::string topic = "identity.keys";
    uint32_t shard_count = kDefaultShardCount;
    // How soon after a record that came too late what stands is written once more.
    Duration restate_every = std::chrono::seconds(10);
    // Who waits is told that the log does not answer when nothing at all was read for so long.
    Duration patience = std::chrono::seconds(5);
  };
  // Both outlive it; the log is opened before Start.
  KeyTable(Scheduler& scheduler, EventLog& log, Options options);
  ~KeyTable();
  KeyTable(const KeyTable&) = delete;

  // On the scheduler's thread, as is Stop.
  void Start();
  // Who still waits is answered KEY_STORE_UNAVAILABLE.
  void Stop();

  // What stands for a person, as read so far: a wrapped key, or "" if it is erased; nullopt:
  // nothing does.
  std::optional<std::string> Find(const std::string& person_id) const;
  // The same for all persons of a shard.
  std::vector<std::pair<std::string, std::string>> PageOf(Shard shard) const;
  std::optional<std::string> root_mark() const;
  uint32_t shard_count() const { return options_.shard_count; }

  // Waits until everything is read that these persons' shards hold at the moment; of no persons: of
  // all shards. KEY_STORE_UNAVAILABLE.
  Task<Result<Done>> CatchUp(std::vector<std::string> person_ids);
  // Appends, and waits until it has been read. KEY_STORE_UNAVAILABLE: it may or may not stand.
  struct Write {
    std::string person_id;
    KeyRecord record;
  };
  Task<Result<Done>> Put(std::vector<Write> writes);
  Task<Result<Done>> PutRootMark(std::string mark);

 private:
  using Ends = std::map<Shard, Offset>;
  struct Waiter {
    Ends until;
    std::chrono::steady_clock::time_point since;
    Promise<Result<Done>> promise;
  };
  struct ShardKeys {
    Offset read = 0;
    absl::flat_hash_map<std::string, std::string> standing;
    std::set<std::string> too_late;  // persons whose last record is not what stands
  };

  NewRecord ToRecord(const std::string& person_id, const KeyRecord& record) const;
  Task<Result<Done>> Append(std::vector<NewRecord> records);
  Task<Result<Done>> AwaitRead(Ends ends);
  bool IsRead(const Ends& ends) const;
  void Wake();
  void Accept(Shard shard, const LogRecord& logged);
  static void AcceptKey(ShardKeys& keys, const std::string& person_id, const KeyRecord& record);
  Task<void> ReadLoop();
  Task<void> RestateLoop();
  void AssignAgain(const Status& failed);
  void LoseHope();
  std::vector<NewRecord> Restatements() const;

  Scheduler& scheduler_;
  EventLog& log_;
  const Options options_;

  mutable std::mutex mutex_;  // of these
  std::vector<ShardKeys> shards_;
  std::optional<std::string> root_mark_;

  // On the scheduler's thread.
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<Consumer> consumer_;
  std::vector<Waiter> waiters_;
  std::chrono::steady_clock::time_point read_at_;  // the last record
  bool stopped_ = true;
  Task<void> reading_;
  Task<void> restating_;
};

}  // namespace epigrid
