// ShardTable: what one instance knows of every shard's view of one service, so that a query needs
// no look-up before its read: the generation to read, how far it is, and its time.
//
//   answer.as_of = shards.AsOf(person_id);   // before the read: the answer is at least as new
//   Result<Generation> generation = shards.Live(shards.ShardOf(person_id));
//   ... read cells of that generation (cell_query.h) ...
//
// It is filled by one pipelined round of three reads per shard every `refresh` (100 ms; 20 ms while
// somebody waits), and moved on at once by what the guarded batches publish on
// ViewKeys::applied_channel. A shard that is not answered for holds the others up in nothing. A
// generation that has been replaced stays readable for a minute, so that a read begun just before a
// switch is still good.
//
// Life cycle: construct, Start, co_await Stop, destroy; `redis` and the loop outlive it. Threads:
// Live, AsOf and the other look-ups from any thread, without locks; Waits may be begun on any
// thread and end on the loop's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/event_loop.h"
#include "common/base/shard.h"
#include "common/base/status.h"
#include "common/base/task.h"
#include "common/event_log/event_log.h"
#include "common/projector/view.h"
#include "common/projector/view_keys.h"
#include "common/redis/keyspace.h"

namespace epigrid {

struct ShardTableOptions {
  std::string service;
  std::string key_prefix;  // of the view's keys
  uint32_t shard_count = kDefaultShardCount;
  Duration refresh = std::chrono::milliseconds(100);
  Duration refresh_waiting = std::chrono::milliseconds(20);
  // A shard that could not be read for so long counts as unknown: UNAVAILABLE VIEW_UNAVAILABLE.
  Duration stale_after = std::chrono::seconds(10);
};

class ShardTable {
 public:
  // `redis_options` are the view's: the subscriber makes a connection of its own with them.
  ShardTable(EventLoop& loop, RedisKeyspace& redis, RedisOptions redis_options,
             ShardTableOptions options);
  ~ShardTable();

  void Start();
  // Done when nothing of it runs on the loop any more; whoever still waits gets UNAVAILABLE
  // SHUTTING_DOWN.
  Future<Done> Stop();
  // When every shard has been answered for (true), or after `within` (false).
  Future<bool> AwaitFirstRound(Duration within);

  const std::string& service() const;
  const ViewKeys& keys() const;
  uint32_t shard_count() const;
  Shard ShardOf(std::string_view entity) const;

  // The generation that queries read. Errors: UNAVAILABLE VIEW_REBUILDING (the shard has no live
  // generation now; with metadata "retry_after_ms") or VIEW_UNAVAILABLE (it could not be read yet,
  // or for long).
  Result<Generation> Live(Shard shard) const;
  // Shards that could not be read yet, or for `stale_after`.
  uint32_t unreadable() const;

  // The shard's time as sampled: what answers say as `as_of`. Not set before its first tick.
  Time AsOf(std::string_view entity) const;
  Time ShardTime(Shard shard) const;
  Offset Applied(Shard shard) const;

  // Whether a record concerning this entity could not be folded, so that its cells may be stale:
  // queries then give a neutral answer. One atomic load while the shard has nothing parked.
  bool IsParked(std::string_view entity) const { return IsParked(ShardOf(entity), entity); }
  // The same of what another shard than the entity's own has of it.
  bool IsParked(Shard shard, std::string_view entity) const;

  // Waits until every shard named has applied the offset: OK, or DEADLINE_EXCEEDED
  // REVISION_NOT_YET_APPLIED.
  Future<Status> WaitFor(std::vector<ShardPosition> revision, Time deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
