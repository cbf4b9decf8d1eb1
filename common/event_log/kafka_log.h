// KafkaLog: the event log of a city, on a Kafka cluster of its own (Apache Kafka 3.9 or later).
//
//   KafkaLog log(loop, {.kafka = {.brokers = "kafka-1:9092,kafka-2:9092"}});
//   Result<Done> opened = co_await log.Open({.topics = {"health_code.inbox"}});
//
// A topic is a topic, a shard its partition of that number. Record n of a partition (Kafka counts
// from 0) has offset n + 1.
//
//   <prefix><topic>              S partitions, kept for ever: retention.ms and retention.bytes -1, not
//                                compacted, stamped by the brokers (LogAppendTime); records go only
//                                by Cut
//                                (those of compacted_topics: compacted)
//   <prefix>epigrid.metadata     one partition, the same: what LogIdentity says (its first record), then
//                                the shards' metadata, put and deleted (LogMetadataRecord); read whole
//                                at the start and then on
//   group <prefix><group>.floors   its committed offsets are the floors; nobody is a member
//
// Topics are made when they are missing, as KafkaLogOptions says; one that is there and differs is
// refused with LOG_MISMATCH, which names each difference. A producer is idempotent, waits for all
// in-sync replicas, and ends with its first error: what was sent may then come to be in the log,
// what was not never does.
//
// Floors rise in one process; of two processes that raise the same floor at the same moment the
// later one stands. A floor that is too low costs emissions that their receivers ignore, and
// records that are copied again. Brokers forget floors that nobody commits for long
// (docs/kafka.md).
//
// Life cycle: construct, Open, then anything else. The log outlives its producers and consumers,
// and the loop the log. Threads: any; Futures are set on the loop's thread. The destructor waits
// for calls under way (at most some of their deadlines) and runs on another thread than the loop's.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "common/base/event_loop.h"
#include "common/event_log/event_log.h"
#include "common/kafka/options.h"
#include "common/kafka/topics.h"

namespace epigrid {

struct KafkaLogOptions {
  KafkaOptions kafka;
  std::string topic_prefix;                             // letters, digits, dots, _ and -
  KafkaTopicCare topic_care = KafkaTopicCare::kCreate;  // what Open does about topics
  // Topics of which the last record of every key is kept, and none from before it for longer than a
  // day; those of the last hour all stay.
  std::set<std::string> compacted_topics;
  // Of every topic: how many brokers hold a record, and how many have it before it is acknowledged.
  uint32_t replication = 3;
  uint32_t min_insync_replicas = 2;
  // What waits for a shard that acknowledges nothing for this long has an unknown outcome.
  Duration append_deadline = std::chrono::seconds(5);
  // How long a record may wait for others to go out with it.
  Duration linger = std::chrono::milliseconds(1);
  // What a Producer lets wait before it answers LOG_QUEUE_FULL.
  size_t queue_records_max = 100'000;
  size_t queue_bytes_max = 64 << 20;
  // A Poll answers about so much at the most.
  size_t poll_bytes_target = 4 << 20;
};

// The topics of a log as Open wants them, that of the metadata first.
std::vector<KafkaTopicSpec> KafkaLogTopics(const KafkaLogOptions& options,
                                           const LogIdentity& identity);

struct KafkaCore;

class KafkaLog final : public EventLog {
 public:
  KafkaLog(EventLoop& loop, KafkaLogOptions options);
  ~KafkaLog() override;

  // Besides LOG_MISMATCH: FAILED_PRECONDITION KAFKA_CONFIG_INVALID (the client's settings);
  // PERMISSION_DENIED LOG_FORBIDDEN; UNAVAILABLE LOG_UNAVAILABLE.
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
  std::unique_ptr<KafkaCore> core_;
};

}  // namespace epigrid
