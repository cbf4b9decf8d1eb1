// Assignment: which shards of a service this instance works on.
//
// The instances of one group (a service's name) share the shards 0..S-1 evenly; when one joins,
// leaves or dies they are shared anew. Correctness never depends on it: two owners of one shard are
// harmless (the guarded batch lets one of them pass), only wasteful. So ownership here means "work
// on it", not "nobody else does".
//
//   class Host : public ShardOwner { ... };
//   assignment.Start(&host);      // host.OnAssigned(3), host.OnAssigned(7), ...
//   co_await assignment.Stop();   // host.OnRevoked(...) for each, then they are free for others
//
// Implementations: RedisLeases (redis_leases.h), KafkaGroup (kafka_group.h).
#pragma once

#include <map>
#include <string>

#include "common/base/shard.h"
#include "common/base/status.h"
#include "common/base/task.h"

namespace epigrid {

enum class Revocation {
  // end the batch in hand and stop; the shard is kept until the owner says that it is done
  kHandover,
  kLeaseLost,  // another instance may work on it already: drop what is in hand
};

// Who does the work. Called on the loop's thread, for one shard in turns: OnAssigned, OnRevoked,
// OnAssigned, ...
class ShardOwner {
 public:
  virtual ~ShardOwner() = default;
  virtual void OnAssigned(Shard shard) = 0;
  // Done once no work on the shard is under way. Not assigned again before that.
  virtual Future<Done> OnRevoked(Shard shard, Revocation why) = 0;
};

class Assignment {
 public:
  virtual ~Assignment() = default;
  // Begins to ask for shards. Once. The owner outlives the Assignment.
  virtual void Start(ShardOwner* owner) = 0;
  // Revokes every shard, waits for the owner, and gives them back. After it nothing is assigned any
  // more.
  virtual Future<Done> Stop() = 0;
  // The instance's name for each shard that has an owner, over the whole group. UNAVAILABLE
  // ASSIGNMENT_UNAVAILABLE.
  virtual Future<Result<std::map<Shard, std::string>>> Owners() = 0;
};

}  // namespace epigrid
