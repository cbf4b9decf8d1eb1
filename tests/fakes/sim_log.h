// SimLog: the event log of the simulation, in memory. SimLogStorage is what is on disk, SimLog one
// process's client of it.
//
//   SimScheduler world(seed);
//   SimLogStorage storage(world);
//   SimProcess process(world);
//   SimLog log(storage, process);
//   std::unique_ptr<Producer> producer = log.NewProducer();
//
// It passes tests/component/event_log_contract.h and is as nasty as that allows: offsets have gaps,
// polls give a random part of what is there, appends take their time, and those of a producer that
// breaks or goes land later as a prefix, between its successor's, or never. With `torn_appends` it
// is nastier still, as a log of many brokers is: then each shard has a prefix of its own.
//
// Threads: one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/event_log/event_log.h"
#include "tests/fakes/sim_link.h"
#include "tests/fakes/sim_scheduler.h"

namespace epigrid {

struct SimLogOptions {
  bool torn_appends = false;
  double poll_fails = 0;                                // LOG_UNAVAILABLE
  double append_unknown = 0;                            // an Append that breaks its producer
  Duration zombie_delay_max = std::chrono::seconds(5);  // between records that land late
  size_t polled_records_max = 64;                       // of one shard
  size_t queued_bytes_max = 64 << 20;                   // per producer
  // To break the log, so that a test can show that it notices: changes what an Append carries.
  std::function<void(std::vector<NewRecord>&)> tamper;
  bool acknowledge_before_landing = false;
  bool stamp_by_producers_clock = false;
  bool raise_floors_to_the_end = false;
  bool cut_too_far = false;
};

class SimLogStorage {
 public:
  explicit SimLogStorage(SimScheduler& world) : world_(world) {}

  struct ShardData {
    std::vector<LogRecord> records;
    Offset end = 0;
    Offset start = 0;             // the last that is gone
    std::vector<LogRecord> gone;  // what was cut, for tests that ask what there ever was
    Time last_append;
  };

  SimLogOptions options;
  SimLinkOptions link;
  // Called for each record that has landed.
  std::function<void(const TopicShard&, const LogRecord&)> on_landed;

  const ShardData& shard(const TopicShard& of) { return shards_[of]; }
  const std::map<TopicShard, ShardData>& shards() const { return shards_; }
  Offset Floor(const std::string& group, const TopicShard& of) { return floors_[{group, of}]; }
  const std::map<std::string, std::string>& metadata(const TopicShard& of) { return metadata_[of]; }
  // All that was ever appended to a shard and not lost, cut or not.
  std::vector<LogRecord> Ever(const TopicShard& of) const;
  // The records of a shard after an offset.
  std::vector<LogRecord> Read(const TopicShard& from, Offset after, size_t limit) const;
  std::vector<LogRecord> ReadNewest(const TopicShard& from, size_t limit) const;

  void SetFull(bool full) { full_ = full; }
  bool full() const { return full_; }
  // Drops connections: what is under way is answered by errors.
  void Crash();
  void Cut(const TopicShard& of, Offset first_kept);
  void SkipTo(const TopicShard& of, Offset offset);
  void LoseTail(const TopicShard& of, Offset last_kept);
  // Parts of appends that have not landed yet.
  size_t parts_under_way() const { return parts_under_way_; }

 private:
  friend class SimLog;
  friend class SimProducerState;
  friend class SimConsumerState;

  // The offsets; `stamp` is the log's clock but for a broken one.
  Offset Land(const NewRecord& record, Time stamp);

  SimScheduler& world_;
  std::map<TopicShard, ShardData> shards_;
  std::map<std::pair<std::string, TopicShard>, Offset> floors_;
  std::map<TopicShard, std::map<std::string, std::string>> metadata_;
  std::optional<LogIdentity> identity_;
  bool full_ = false;
  size_t parts_under_way_ = 0;
  std::vector<std::weak_ptr<class SimProducerState>> producers_;
  std::vector<std::weak_ptr<class SimConsumerState>> consumers_;
};

class SimLog final : public EventLog {
 public:
  // The storage outlives it and everything that it has sent.
  SimLog(SimLogStorage& storage, const SimProcess& process)
      : storage_(storage), process_(process.mailbox()), link_(process_, &storage.link) {}

  Future<Result<Done>> Open(const LogIdentity& identity) override;
  Future<Result<LogDurability>> Durability() override;
  std::unique_ptr<Producer> NewProducer() override;
  std::unique_ptr<Consumer> NewConsumer() override;
  Future<Result<Offset>> End(const TopicShard& of) override;
  Future<Result<std::vector<Offset>>> Ends(std::vector<TopicShard> of) override;
  Future<Result<std::vector<LogRecord>>> Read(const TopicShard& from, Offset after,
                                              size_t limit) override;
  Future<Result<std::vector<LogRecord>>> ReadNewest(const TopicShard& from, size_t limit) override;
  Future<Result<std::vector<Offset>>> Starts(std::vector<TopicShard> of) override;
  Future<Result<Done>> Cut(const TopicShard& of, Offset first_kept) override;
  Future<Result<std::vector<Offset>>> Floors(const std::string& group,
                                             std::vector<TopicShard> of) override;
  Future<Result<Done>> RaiseFloors(const std::string& group,
                                   std::map<TopicShard, Offset> floors) override;
  Future<Result<std::map<std::string, std::string>>> ShardMetadata(const TopicShard& of) override;
  Future<Result<Done>> PutShardMetadata(const TopicShard& of, std::string field,
                                        std::string value) override;
  Future<Result<Done>> DeleteShardMetadata(const TopicShard& of, std::string field) override;

 private:
  template <typename T>
  Future<Result<T>> Call(std::function<Result<T>()> effect) {
    return link_.Call<T>(std::move(effect), "LOG_UNAVAILABLE");
  }

  SimLogStorage& storage_;
  const SimProcess::Mailbox process_;
  SimLink link_;
};

}  // namespace epigrid
