// EventLog: the truth of the system. Topics of S shards; a record appended to a shard is there for
// good, in order.
//
//            Producer::Append ──▶ [topic/shard: offset 1, 2, 4, 5, ...] ──▶ Consumer::Poll
//
// The contract, which every implementation passes (tests/component/event_log_contract.h):
//  * Offsets of a shard strictly increase from 1 and may have gaps. Zero is "before the first".
//    Nothing computes a next offset but as a place to read after.
//  * Append answers when all of its records are durable. What a Producer appends to one shard lands
//    there in order and without a gap: whenever it breaks, a prefix of it. Each shard has a prefix of
//    its own, so that one may have its part of an Append and another not. A failed Append fails all
//    later ones of that Producer.
//  * The start of a shard only moves up, by Cut: what is at or below it is gone, all that was ever
//    appended above it is there.
//  * A Consumer sees every record after the offset it was assigned at, in order, once. Where the
//    shard's start has moved past that offset, Poll answers OUT_OF_RANGE with reason
//    LOG_START_MOVED; where the shard ends before it (the log lost its tail), DATA_LOSS with
//    LOG_CUT_SHORT. Metadata "topic" and "shard" name the shard, which is then no longer assigned;
//    the others go on with the next Poll.
//  * A floor per (group, topic, shard) only rises.
//
// Implementations: RedisStreamsLog (redis_streams_log.h), KafkaLog (kafka_log.h), and the
// simulation's. All Futures are set
// on the thread of the Scheduler or loop that the implementation was made with; Producer::Append
// may be called from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/shard.h"
#include "common/base/status.h"
#include "common/base/task.h"

namespace epigrid {

using Offset = uint64_t;

// One shard of one topic, for example {"health_code.inbox", 7}. Topic names: <service>.inbox,
// <service>.<noun>.v<N>.
struct TopicShard {
  std::string topic;
  Shard shard = 0;
  friend auto operator<=>(const TopicShard&, const TopicShard&) = default;
};

// "<topic>/<shard>".
std::string TopicShardName(const TopicShard& of);

// Every shard of each topic, topic after topic.
std::vector<TopicShard> AllShards(const std::vector<std::string>& topics, uint32_t shard_count);

// A record on its way into the log.
struct NewRecord {
  TopicShard to;
  // the opaque id of the entity it concerns; readable without decoding the value; may be empty
  std::string key;
  std::string value;  // a serialized epigrid.events.v1.Envelope, at most kRecordBytesMax
};

// A record as the log holds it.
struct LogRecord {
  Offset offset = 0;
  Time appended_at;  // by the log's own clock
  std::string key;
  std::string value;
};

// Of its key and value.
inline size_t BytesOf(const NewRecord& record) { return record.key.size() + record.value.size(); }
inline size_t BytesOf(const LogRecord& record) { return record.key.size() + record.value.size(); }

// A larger record is refused with INVALID_ARGUMENT, RECORD_TOO_LARGE.
inline constexpr size_t kRecordBytesMax = 1 << 20;
// A larger Append (of keys and values) is refused with INVALID_ARGUMENT, APPEND_TOO_LARGE.
inline constexpr size_t kAppendRecordsMax = 10'000;
inline constexpr size_t kAppendBytesMax = 16 << 20;
// What one Read or ReadNewest answers at the most, but for its last record.
inline constexpr size_t kReadBytesMax = 4 << 20;

// With the metadata "topic" and "shard" that name the shard.
Status OfShard(Status status, const TopicShard& shard);
// OUT_OF_RANGE LOG_START_MOVED: what followed on `after` is gone, up to `start`.
Status LogStartMoved(const TopicShard& of, Offset start, Offset after);
// DATA_LOSS LOG_CUT_SHORT: the shard ends at `end`, but was read up to `after` before.
Status LogCutShort(const TopicShard& of, Offset end, Offset after);

class Producer {
 public:
  virtual ~Producer() = default;
  // The offsets, one for each record. A failure is UNAVAILABLE with reason OUTCOME_UNKNOWN (any of
  // the records may be in the log, or come to be) or LOG_UNAVAILABLE (none is, and none will), and
  // the Producer is broken from then on. What is queued is bounded: RESOURCE_EXHAUSTED with
  // LOG_QUEUE_FULL breaks nothing.
  virtual Future<Result<std::vector<Offset>>> Append(std::vector<NewRecord> records) = 0;
  virtual bool broken() const = 0;
};

// Records of one shard, as read.
struct Polled {
  TopicShard from;
  std::vector<LogRecord> records;
};

// Reads any number of shards. Used from one thread, one Poll at a time.
class Consumer {
 public:
  virtual ~Consumer() = default;
  // Begins (or begins anew) to read the shard after this offset.
  virtual void Assign(const TopicShard& from, Offset after) = 0;
  virtual void Unassign(const TopicShard& from) = 0;
  // A paused shard stays where it is: how a slow reader holds back.
  virtual void SetPaused(const TopicShard& from, bool paused) = 0;
  // What has come for the assigned shards that are not paused; waits up to `wait` for a first
  // record, then answers an empty list. A change of assignment is heeded within that time. Errors:
  // UNAVAILABLE LOG_UNAVAILABLE (call again); for one shard LOG_START_MOVED, LOG_CUT_SHORT and
  // DATA_LOSS LOG_CORRUPT (it holds what the log did not write).
  virtual Future<Result<std::vector<Polled>>> Poll(Duration wait) = 0;
};

// What is written when the log is created, but for the topics; a service that is configured
// otherwise refuses to start.
struct LogIdentity {
  uint32_t shard_count = kDefaultShardCount;
  std::string shard_hash = std::string(kShardHashName);
  // The topics that this process appends to or reads: made where there are none yet.
  std::vector<std::string> topics;
};

// What an acknowledgement is worth, as the log is configured at the moment.
struct LogDurability {
  std::string in_force;  // the settings that decide it, for the operator
  // Empty if acknowledged records survive a power cut; else a sentence that says what is lost and
  // what to mend, worth a log line and an alert.
  std::string warning;
  bool keeps_acknowledged() const { return warning.empty(); }
};

class EventLog {
 public:
  virtual ~EventLog() = default;

  // Creates the log's metadata if there is none. FAILED_PRECONDITION with LOG_MISMATCH says what
  // differs.
  virtual Future<Result<Done>> Open(const LogIdentity& identity) = 0;
  // Asks the log. It serves whatever the answer is: whether that will do is the operator's to say.
  virtual Future<Result<LogDurability>> Durability() = 0;

  virtual std::unique_ptr<Producer> NewProducer() = 0;
  virtual std::unique_ptr<Consumer> NewConsumer() = 0;

  // The offset of the shard's last record; 0 if it never had one.
  virtual Future<Result<Offset>> End(const TopicShard& of) = 0;
  // The same for many at once.
  virtual Future<Result<std::vector<Offset>>> Ends(std::vector<TopicShard> of) = 0;
  // Records after an offset, at most `limit` and no more once they are kReadBytesMax bytes, for
  // tools, rebuilds and the re-folding of parked records. None: there is none. LOG_START_MOVED: the
  // start has moved past the offset, so that some of what followed on it is gone.
  virtual Future<Result<std::vector<LogRecord>>> Read(const TopicShard& from, Offset after,
                                                      size_t limit) = 0;

  // The newest records, at most `limit` and no more once they are kReadBytesMax bytes, oldest
  // first.
  virtual Future<Result<std::vector<LogRecord>>> ReadNewest(const TopicShard& from,
                                                            size_t limit) = 0;

  // The starts of shards: the greatest offset whose record is gone, or a greater one that no record
  // has. Reading after it, or after anything greater, misses nothing. 0: nothing was ever cut.
  virtual Future<Result<std::vector<Offset>>> Starts(std::vector<TopicShard> of) = 0;
  // Takes the records below `first_kept` away and moves the start up to there. Some of them may
  // stay, with what was appended together with them, until a later Cut; never does a record from
  // `first_kept` on go. A lower value than before changes nothing; one beyond the end empties the
  // shard, whose offsets go on rising. UNAVAILABLE LOG_UNAVAILABLE: call again. What a
  // Cut took away may be back when the storage dies soon after: all of it from some offset on.
  virtual Future<Result<Done>> Cut(const TopicShard& of, Offset first_kept) = 0;

  // The floor of a group (a service's name) on a shard: everything up to it is done with (emitted,
  // or copied on).
  virtual Future<Result<std::vector<Offset>>> Floors(const std::string& group,
                                                     std::vector<TopicShard> of) = 0;
  // Raises floors; a lower value than what is there changes nothing.
  virtual Future<Result<Done>> RaiseFloors(const std::string& group,
                                           std::map<TopicShard, Offset> floors) = 0;

  // Log metadata of a shard that must outlive every view, such as the offsets that are parked.
  // Small.
  virtual Future<Result<std::map<std::string, std::string>>> ShardMetadata(
      const TopicShard& of) = 0;
  virtual Future<Result<Done>> PutShardMetadata(const TopicShard& of, std::string field,
                                                std::string value) = 0;
  virtual Future<Result<Done>> DeleteShardMetadata(const TopicShard& of, std::string field) = 0;
};

}  // namespace epigrid
