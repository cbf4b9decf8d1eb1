// RedisView: the view in Redis. See view.h for the contract and the layout of keys.
//
//   RedisClient redis(loop, options);                    // or a RedisCluster
//   RedisView view(redis, ViewKeys("health_code", key_prefix));
//   EPIGRID_CO_ASSIGN_OR_RETURN(auto generation, co_await view.Live(7));
//
// Made for a projector it asks until it is answered: see below. One script reads, one commits;
// every key they touch is declared and has the shard's hash tag. Redis must run with
// `maxmemory-policy noeviction`.
//
// On a cluster: while a slot is moved to another node, scripts over its keys are refused, so that
// its shards wait until it has moved. A primary that is replaced by a replica without its last
// commits is a view that fell back: the projector's next read or commit finds that out, and what is
// missing is folded again. Nothing waits for replicas.
//
// Threads: the loop's. Life cycle: `redis` outlives it, and it outlives the Futures it gave.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/scheduler.h"
#include "common/projector/view.h"
#include "common/projector/view_keys.h"
#include "common/redis/keyspace.h"

namespace epigrid {

class RedisView final : public View {
 public:
  // For queries: a call fails after 2 s.
  RedisView(RedisKeyspace& redis, ViewKeys keys);
  // For a projector: a call is made again until it is answered, with back-off from 20 ms to 1 s, so
  // that a slow or stopped view costs time and nothing else. A try ends only with its connection:
  // `redis` has a deadline of some seconds, the silence after which it gives a connection up.
  // `on_wait` is told of each try that failed, and why, on the scheduler's thread, which is that of
  // `redis`; it outlives both.
  using OnWait = std::function<void(const Status&)>;
  RedisView(RedisKeyspace& redis, ViewKeys keys, Scheduler& scheduler, OnWait on_wait);
  ~RedisView() override;

  Future<Result<std::optional<Generation>>> Live(Shard shard) override;
  Future<Result<std::optional<Opened>>> Open(Shard shard, Generation generation) override;
  Future<Result<Done>> Create(Shard shard, Generation generation, uint32_t fold_version) override;
  Future<Result<bool>> SetLive(Shard shard, Generation generation, Offset applied) override;
  Future<Result<Done>> Drop(std::vector<ShardGeneration> generations) override;
  Future<Result<Done>> SetAttempt(Shard shard, Generation generation, Offset offset,
                                  uint32_t count) override;
  Future<Result<ViewRead>> Read(Shard shard, Generation generation,
                                std::vector<CellRead> reads) override;
  Future<Result<Committed>> Commit(Shard shard, GuardedBatch batch) override;

  // Counts digests anew from what stands in Redis, key by key: for audits and tests. Looks through
  // the whole view once, and keeps the names of all keys counted. An answer is of one moment only
  // if nothing was committed meanwhile, so that callers compare `quiet` before and after.
  struct Recount {
    Digest digest;
    uint64_t cells = 0;  // strings, members, index entries and timers
  };
  using Recounts = std::map<ShardGeneration, Recount>;  // one for each that was asked for
  Future<Result<Recounts>> RecountDigests(std::vector<ShardGeneration> generations);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
