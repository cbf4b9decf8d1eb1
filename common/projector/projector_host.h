// ProjectorHost: folds one service's shards, as many as its Assignment gives it, on one Scheduler.
//
//   EventLoop loop("health_code.projector");
//   RedisClient view_redis(loop, view_options), log_redis(loop, log_options);
//   RedisStreamsLog log(loop, ...);                       // any EventLog
//   RedisView view(view_redis, ViewKeys("health_code"));  // any View
//   RedisLeases leases(loop, log_redis, {.group = "health_code", .instance = instance});
//   HealthCodeFold fold(...);
//   ProjectorHost host(loop, log, view, leases, fold,
//                      {.instance = instance, .configuration = policy.SerializeAsString()});
//   host.Start();
//   ...
//   std::move(host.Stop()).Wait();                        // from main, not from the loop's thread
//
// It has one Consumer for the inbox and the subscribed topics' partitions of the shards it owns,
// one Producer shared by all of them (so that appends of many shards share a flush), one
// ShardProjector per shard and one Subscription per (topic, shard). A shard that fails begins again
// from its view, with back-off; a producer that breaks is replaced, and everything begins again. A
// queue that grows long pauses its shard in the consumer.
//
// Life cycle: construct, Start, Stop (ends the batches in hand, within 2 s), destroy (on the
// scheduler's thread if it was not stopped). Everything it was given outlives it. Threads: Start,
// Stop and Snapshot from any; all else runs on the scheduler's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/scheduler.h"
#include "common/base/status.h"
#include "common/base/task.h"
#include "common/event_log/event_log.h"
#include "common/projector/audit_limits.h"
#include "common/projector/fold.h"
#include "common/projector/observer.h"
#include "common/projector/view.h"

namespace epigrid {

class Assignment;

struct ProjectorHostOptions {
  std::string instance;  // names this process in records and logs
  // What the fold reads as Configured; a change of it is appended to every owned shard.
  std::string configuration;
  uint32_t shard_count = kDefaultShardCount;
  size_t cache_bytes_max = 256 << 20;  // of cells kept in memory, over all owned shards
  // What a shard may have read and not yet folded, before it is paused: so many records, and its
  // part of so many bytes that are for all shards together.
  size_t queued_records_max = 2'000;
  size_t queued_bytes_max = 256 << 20;
  uint32_t rebuilds_at_once_max = 2;
  // How often a shard is audited, and its log cut behind the snapshot; 0: never.
  Duration audit_interval = std::chrono::hours(6);
  AuditLimits audit;
  Duration drop_after = std::chrono::seconds(60);  // how long a replaced generation stays readable
};

// How one owned shard is.
struct ProjectedShard {
  Shard shard = 0;
  // "OPENING", "CATCHING_UP" (no live generation yet), "LIVE" or "STOPPED" (see `problem`): also of
  // one that goes on with its inbox, but cannot read a topic that it is subscribed to.
  std::string state;
  std::string problem;
  Generation generation = 0;
  bool live = false;
  Offset applied = 0;
  Offset quiet = 0;
  Time shard_time;
  uint32_t fold_version = 0;
  Digest digest;
  size_t queued_records = 0;
  // How long the oldest record that is queued or in hand has waited, or since when nobody can fold
  // the shard (it is being opened, or begins again), whichever is longer; 0: neither.
  Duration event_age{};
  // How far shard time lags behind the clock, while the shard is live and has one: about ten
  // seconds at the most, or nothing moves, though there be no record.
  Duration time_lag{};
  Generation building_generation = 0;
  Offset building_applied = 0;
  uint32_t parked_records = 0;
  // Since the last audit that ended well, by whoever made it; if none ever did, since this owner
  // has the shard.
  Duration audit_age{};
};

struct ProjectorSnapshot {
  std::vector<ProjectedShard> shards;  // owned ones, in order
  bool clock_trusted = true;           // by every owned shard: see ticking.h
};

class ProjectorHost {
 public:
  ProjectorHost(Scheduler& scheduler, EventLog& log, View& view, Assignment& assignment,
                const Fold& fold, ProjectorHostOptions options,
                ProjectorObserver* observer = nullptr);
  ~ProjectorHost();

  void Start();
  // Hands every shard back. Once.
  Future<Done> Stop();
  Future<ProjectorSnapshot> Snapshot();

 private:
  class Impl;
  Scheduler& scheduler_;
  std::shared_ptr<Impl> impl_;
};

}  // namespace epigrid
