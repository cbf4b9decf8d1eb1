// RedisKeyspace: the keys of a Redis, on one server (RedisClient, client.h) or spread over a Redis
// Cluster (RedisCluster, cluster.h). Who reads and writes keys speaks to this, and says with each
// command where in it a key stands:
//
//   Result<Reply> reply = co_await redis.Call({"HGET", key, field}, 1, deadline);
//
// On one server a command is sent at most once, and key_at means nothing. A cluster may carry it
// out twice, when an answer is lost: commands are such that this changes nothing.
//
// Errors and threads are those of RedisClient and of RedisCluster.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/base/status.h"
#include "common/base/task.h"
#include "common/redis/options.h"
#include "common/redis/reply.h"

namespace epigrid {

// A deadline that never passes for a command that was sent: it fails only with its connection. One
// that cannot be sent fails after options.deadline, so that who calls hears of an outage.
inline constexpr Duration kUntilAnswered = Duration::max();

// One of the servers that keys are on.
struct RedisNode {
  std::string name;     // "127.0.0.1:6379"
  bool primary = true;  // false: it has copies only, and may become a primary
};

class RedisKeyspace {
 public:
  virtual ~RedisKeyspace() = default;

  virtual EventLoop& loop() = 0;

  // All keys of a command have one hash tag; arguments[key_at] is one of them.
  virtual Future<Result<Reply>> Call(std::vector<std::string> arguments, size_t key_at,
                                     Duration deadline) = 0;
  // The same for arguments that the caller wants to keep, without a copy.
  virtual Future<Result<Reply>> CallShared(
      std::shared_ptr<const std::vector<std::string>> arguments, size_t key_at,
      Duration deadline) = 0;

  // For what goes by no key, such as SCAN and CONFIG: the servers, as known now, and a command to
  // one of them. UNAVAILABLE REDIS_NOT_SENT for one that has left meanwhile.
  virtual Future<Result<std::vector<RedisNode>>> Nodes() = 0;
  virtual Future<Result<Reply>> CallNode(std::string name, std::vector<std::string> arguments,
                                         Duration deadline) = 0;
  // Which primary has which keys, as a text: if two are equal, every key was all the time between
  // where it had been. UNAVAILABLE REDIS_KEYS_MOVE while keys are on their way.
  virtual Future<Result<std::string>> Placement() = 0;
};

}  // namespace epigrid
