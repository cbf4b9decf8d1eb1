// RedisStreamsLog: the event log of one machine, on a Redis process of its own.
//
//   RedisStreamsLog log(loop, {.redis = {.address = {.unix_socket = "/run/epigrid/log.sock"}}});
//   Result<Done> opened = co_await log.Open({});
//   Result<LogDurability> durability = co_await log.Durability();
//
// A shard of a topic is one stream. One script call, a flush, appends many records to many shards
// or none of them; those of one shard go into one entry, or a few if they are large, because an
// entry costs the server far more than the bytes in it. Entry E (`XADD key 0-*`, numbered by the
// server) has offsets up to E × 1,024 + 1,023, which is its last record's: what follows on an
// offset is found by it alone, and offsets have gaps.
//
// Keys, all behind `key_prefix`, so that several systems may share one Redis:
//   <prefix>identity                   hash: what LogIdentity says, and the layout's version
//   <prefix>stream:<topic>/<shard>     stream: r (a LogEntry), t (milliseconds, server's clock)
//   <prefix>floors:<group>             hash: offset by "<topic>/<shard>"
//   <prefix>metadata:<topic>/<shard>   hash
//
// What it needs of the server: Redis 7.0 or later, `maxmemory-policy noeviction` (Open refuses
// anything else: an evicted stream is a lost fact), `appendonly yes` and `appendfsync always`
// (without them Open succeeds and Durability() says what an acknowledgement is worth), and a user
// that may call CONFIG GET.
//
// Life cycle: construct, Open, then anything else. The log outlives its producers and consumers,
// and the loop the log. Threads: any; Futures are set on the loop's thread. The destructor waits
// for calls under way (at most their deadlines) and runs on another thread than the loop's.
#pragma once

#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/event_log/event_log.h"
#include "common/redis/client.h"

namespace epigrid {

struct RedisStreamsLogOptions {
  RedisOptions redis;
  std::string key_prefix = "epigrid:";
  // After this long without an answer a flush has an unknown outcome.
  Duration append_deadline = std::chrono::seconds(5);
  // One flush holds as many Appends as fit, and always at least one.
  size_t flush_records_max = 2'000;
  size_t flush_bytes_max = 1 << 20;
  // Records go into one entry up to this size; a larger record has one of its own. It bounds what a
  // read of a few entries brings.
  size_t entry_bytes_max = 8 << 10;
  // What a Producer lets wait before it answers LOG_QUEUE_FULL.
  size_t queue_records_max = 100'000;
  size_t queue_bytes_max = 64 << 20;
  // Poll aims at answers of at most this size: it asks for fewer records a shard as they grow.
  size_t poll_bytes_target = 4 << 20;
};

struct RedisStreamsCore;

class RedisStreamsLog final : public EventLog {
 public:
  RedisStreamsLog(EventLoop& loop, RedisStreamsLogOptions options);
  ~RedisStreamsLog() override;

  // Besides LOG_MISMATCH: FAILED_PRECONDITION LOG_EVICTS (maxmemory-policy), LOG_CONFIG_UNREADABLE
  // (CONFIG GET is refused); UNAVAILABLE LOG_UNAVAILABLE.
  Future<Result<Done>> Open(const LogIdentity& identity) override;
  // LOG_CONFIG_UNREADABLE, LOG_UNAVAILABLE.
  Future<Result<LogDurability>> Durability() override;

  std::unique_ptr<Producer> NewProducer() override;
  std::unique_ptr<Consumer> NewConsumer() override;

  Future<Result<Offset>> End(const TopicShard& of) override;
  Future<Result<std::vector<Offset>>> Ends(std::vector<TopicShard> of) override;
  Future<Result<std::vector<LogRecord>>> Read(const TopicShard& from, Offset after,
                                              size_t limit) override;
  Future<Result<std::vector<LogRecord>>> ReadNewest(const TopicShard& from, size_t limit) override;
  Future<Result<std::vector<Offset>>> Starts(std::vector<TopicShard> of) override;
  // An entry goes when all of its records are below `first_kept`.
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
  std::unique_ptr<RedisStreamsCore> core_;
};

}  // namespace epigrid
