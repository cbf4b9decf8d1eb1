// ViewWatch: whether this process can read a service's view, and whether that view is safe: for
// readiness, metrics and the log.
//
//   ViewWatch watch("health_code", loop, view_redis, shards, metrics, [&](std::string_view why_not) { ... });
//   EPIGRID_CO_RETURN_IF_ERROR(co_await watch.CheckPolicy());
//   Task<void> watching = watch.Run();
//   watching.Start();                          // destroy it on the loop's thread to stop
//
// It says why not, or "" once queries can be answered:
//   not readable   no shard could be read for ShardTableOptions::stale_after (10 s), which is when queries begin to
//                  answer VIEW_UNAVAILABLE: a hiccup changes nothing
//   VIEW_EVICTS    Redis may throw cells away (maxmemory-policy); looked at when the view becomes readable and once a
//                  minute, on each node of a cluster that answers
//   ""             with the first shards that are read, if nothing is evicted
// So it changes to "not readable" at most once in stale_after. A part of the shards that cannot be
// read is no reason to send all calls elsewhere: it is in the gauge, and these calls say so
// themselves. A shard whose view is being rebuilt can be read.
//
//   epigrid_<service>_unreadable_shards     shards that could not be read for stale_after
//   epigrid_<service>_view_outages_total    times when no shard could be read any more
//
// Threads: the loop's.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/event_loop.h"
#include "common/metrics/metrics.h"
#include "common/projector/shard_table.h"
#include "common/redis/keyspace.h"

namespace epigrid {

class ViewWatch {
 public:
  using Report = std::function<void(std::string_view why_not)>;
  // All outlive it.
  ViewWatch(std::string service, EventLoop& loop, RedisKeyspace& redis, const ShardTable& shards,
            Metrics& metrics, Report report);

  // FAILED_PRECONDITION VIEW_EVICTS or VIEW_CONFIG_UNREADABLE (CONFIG GET is refused); UNAVAILABLE
  // VIEW_UNAVAILABLE.
  Task<Status> CheckPolicy();
  Task<void> Run();

 private:
  Task<Status> Look();
  void Tell(const Status& state);

  const std::string service_;
  EventLoop& loop_;
  RedisKeyspace& redis_;
  const ShardTable& shards_;
  const Report report_;
  prometheus::Gauge& unreadable_;
  prometheus::Counter& outages_;
  Status state_;  // as told last
  bool readable_ = false;
  uint64_t looks_until_check_ = 0;
};

}  // namespace epigrid
