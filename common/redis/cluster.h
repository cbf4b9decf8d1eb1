// RedisCluster: the keys of a Redis Cluster, as a keyspace.
//
//   RedisOptions options{.seeds = {a, b, c}};            // some of its nodes
//   RedisCluster redis(loop, options);
//   Result<Reply> reply = co_await redis.Call({"GET", "{health_code-7}live"}, 1, deadline);
//
//   call ─▶ slot of its key ─▶ its node ─▶ answer
//                  ▲              │  MOVED        the slot is that node's from now on: goes there
//             map of slots        │  ASK          goes there this once
//                  ▲              │  CLUSTERDOWN, LOADING, MASTERDOWN, READONLY, no connection or a lost one:
//               refresh           ▼               waits a little, and looks at the map again
//     CLUSTER SLOTS of one node after the other: once a second, and at once after any of these
//
// A call is tried until it is answered or its deadline has passed; with kUntilAnswered, until
// options.deadline has passed and it is not on its way. A node that the map does not name any more
// (a primary that stands still or is gone, once another has taken its place) is given up, and what
// was on its way to it goes elsewhere. So a command may be carried out twice, the second time after
// others: who calls must not mind. Commands of one slot are not kept in order across such changes.
//
// TRYAGAIN is answered to who called: while a slot is moved, its node refuses commands on several
// keys unless it has all of them. One such command may be made as several on one key each; else
// call again until the slot has moved.
//
// Errors of Call, as a Status:
//   UNAVAILABLE REDIS_NOT_SENT           no node of that slot was reached before the deadline
//   UNAVAILABLE REDIS_OUTCOME_UNKNOWN    the last try may have been carried out
//   RESOURCE_EXHAUSTED REDIS_QUEUE_FULL  as RedisClient's
// Other errors that a node answered are a Reply of type kError, as is the last one of those above
// when the deadline passes.
//
// Threads: Call from any; Futures are set on the loop's thread. The destructor fails what is in
// flight, on another thread than the loop's.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/redis/keyspace.h"

namespace epigrid {

// What a node answered, or that it was not reached, or that its answer was lost.
inline constexpr std::array<std::string_view, 9> kRedisRetryReasons = {
    "MOVED",      "ASK",      "TRYAGAIN", "CLUSTERDOWN",    "LOADING",
    "MASTERDOWN", "READONLY", "NOT_SENT", "OUTCOME_UNKNOWN"};

class RedisCluster final : public RedisKeyspace {
 public:
  // `on_retry` is told of each command that is sent again, or refused while its slot moves, and
  // why: one of kRedisRetryReasons. On the loop's thread.
  using OnRetry = std::function<void(std::string_view reason)>;
  RedisCluster(EventLoop& loop, RedisOptions options, OnRetry on_retry = nullptr);
  ~RedisCluster() override;

  EventLoop& loop() override { return loop_; }
  Future<Result<Reply>> Call(std::vector<std::string> arguments, size_t key_at,
                             Duration deadline) override;
  Future<Result<Reply>> CallShared(std::shared_ptr<const std::vector<std::string>> arguments,
                                   size_t key_at, Duration deadline) override;
  Future<Result<std::vector<RedisNode>>> Nodes() override;
  Future<Result<Reply>> CallNode(std::string name, std::vector<std::string> arguments,
                                 Duration deadline) override;
  Future<Result<std::string>> Placement() override;

 private:
  struct State;
  EventLoop& loop_;
  std::shared_ptr<State> state_;
};

// What the options say: a RedisCluster if there are seeds, else a RedisClient.
std::unique_ptr<RedisKeyspace> MakeRedis(EventLoop& loop, RedisOptions options,
                                         RedisCluster::OnRetry on_retry);

}  // namespace epigrid
