// RedisView: the view in Redis. See view.h for the contract and the layout of keys.
//
//   RedisClient redis(loop, options);
//   RedisView view(redis, "health_code", 64);
//
// One script reads, one commits; every key they touch is declared and has the shard's hash tag.
// Redis must run with `maxmemory-policy noeviction`.
//
// Threads: the loop's. Life cycle: `redis` outlives it, and it outlives the Futures it gave.
#pragma once

#include <memory>
#include <string>

#include "common/projector/view.h"
#include "common/redis/client.h"

namespace epigrid {

// The physical names, for whoever reads a view without a RedisView.
std::string LiveKey(std::string_view service, Shard shard);  // "{s-7}live"
std::string GenerationPrefix(std::string_view service, Shard shard,
                             Generation generation);   // "{s-7}3:"
std::string AppliedChannel(std::string_view service);  // "s.applied"

class RedisView final : public View {
 public:
  RedisView(RedisClient& redis, std::string service);
  ~RedisView() override;

  Future<Result<std::optional<Generation>>> Live(Shard shard) override;
  Future<Result<std::optional<Opened>>> Open(Shard shard, Generation generation) override;
  Future<Result<Done>> Create(Shard shard, Generation generation, uint32_t fold_version) override;
  Future<Result<bool>> SetLive(Shard shard, Generation generation, Offset applied) override;
  Future<Result<Done>> Drop(Shard shard, Generation generation) override;
  Future<Result<Done>> SetAttempt(Shard shard, Generation generation, Offset offset,
                                  uint32_t count) override;
  Future<Result<ViewRead>> Read(Shard shard, Generation generation,
                                std::vector<CellRead> reads) override;
  Future<Result<Committed>> Commit(Shard shard, GuardedBatch batch) override;

  // Counts the digest anew from what stands in Redis, key by key: for audits and tests. The answer
  // is of one moment only if nothing was committed meanwhile, so that callers compare `applied`
  // before and after.
  struct Recount {
    Digest digest;
    uint64_t cells = 0;  // strings, members, index entries and timers
  };
  Future<Result<Recount>> RecountDigest(Shard shard, Generation generation);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
