// RedisLeases: assignment by leases in Redis, for any number of instances that share one Redis.
//
//   RedisLeases leases(loop, redis, {.group = "health_code", .instance = "node-1/4711", .shard_count = 64});
//   leases.Start(&projector_host);
//
// How it goes: each instance calls one script six times per `ttl`, a beat. It says who is alive,
// renews what the instance holds, takes free shards up to its share, and answers with what is held.
// The share is S divided by the live instances (the first S mod n of them, by name, have one more);
// who holds more revokes the surplus and gives each back when its owner is done. Expiry is by the
// server's clock. An instance counts its own leases as lost `ttl` after the last beat that was
// answered was *sent*, by its steady clock, which is never later than the server thinks.
//
// So, with the default of 3 s: a shard of an instance that stops cleanly is taken over within 0.5
// s, of one that died within 3.5 s; a new instance has its share after about 1 s.
//
// Keys: <key_prefix>{leases-<group>}members, sorted set: instance by expiry;
// <key_prefix>{leases-<group>}shards, hash: "<expiry> <instance>" by shard; times in milliseconds.
//
// Life cycle: construct, Start, Stop, destroy. Destroyed without Stop, its leases run out by
// themselves, as when the process dies. `redis` and the loop outlive it. Threads: any.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "common/base/event_loop.h"
#include "common/event_log/assignment.h"
#include "common/redis/client.h"

namespace epigrid {

struct RedisLeasesOptions {
  std::string group;
  // Unique among the group's live instances and readable to an operator: "<host>/<pid>". An
  // instance that comes back under its old name within `ttl` has its shards back at once.
  std::string instance;
  uint32_t shard_count = kDefaultShardCount;
  Duration ttl = std::chrono::seconds(3);  // at least 60 ms
  std::string key_prefix = "epigrid:";
};

class RedisLeases final : public Assignment {
 public:
  RedisLeases(EventLoop& loop, RedisClient& redis, RedisLeasesOptions options);
  ~RedisLeases() override;

  void Start(ShardOwner* owner) override;
  Future<Done> Stop() override;
  Future<Result<std::map<Shard, std::string>>> Owners() override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// The same with a connection of its own.
class OwnedLeases final : public Assignment {
 public:
  OwnedLeases(EventLoop& loop, const RedisOptions& redis, RedisLeasesOptions options)
      : redis_(loop, redis), leases_(loop, redis_, std::move(options)) {}
  void Start(ShardOwner* owner) override { leases_.Start(owner); }
  Future<Done> Stop() override { return leases_.Stop(); }
  Future<Result<std::map<Shard, std::string>>> Owners() override { return leases_.Owners(); }

 private:
  RedisClient redis_;
  RedisLeases leases_;
};

}  // namespace epigrid
