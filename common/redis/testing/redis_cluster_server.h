// RedisClusterServer: a real Redis Cluster of a test's own: three primaries that share the slots
// evenly, and a replica of each.
//
//   RedisClusterServer cluster;
//   RedisCluster redis(loop, {.seeds = cluster.seeds()});
//   const size_t primary = cluster.PrimaryOf(slot);
//   cluster.node(primary).Kill();                     // its replica takes over
//   cluster.AwaitInOrder();
//
// Six redis-server processes as RedisServer's, in order when the constructor returns. Failures
// abort the test with a message. Used by one thread, but for CallNode.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {

class RedisClusterServer {
 public:
  static constexpr size_t kPrimaries = 3;
  static constexpr size_t kNodes = 2 * kPrimaries;

  // `config` is more of each node's command line.
  explicit RedisClusterServer(std::vector<std::string> config = {});

  std::vector<RedisAddress> seeds() const;
  // At first those below kPrimaries are primaries, and i + kPrimaries has the copy of i.
  RedisServer& node(size_t i) { return *nodes_[i]; }
  // Of a node that runs; whatever it says.
  Reply CallNode(size_t i, std::vector<std::string> command);

  // Waits until every node that runs sees the cluster in order, they agree on who has which slot,
  // and every replica among them is in touch with its primary.
  void AwaitInOrder();
  // Who has the slot, once they agree, and who has the copy.
  size_t PrimaryOf(uint16_t slot);
  size_t ReplicaOf(size_t primary);
  size_t AnotherPrimary(size_t than);
  // Makes the replica of this primary the primary, without a loss; it still runs.
  void FailOver(size_t primary);

  // Moves a slot in steps: from BeginMove on new keys are made at `to`, MoveKeys takes some keys
  // along and answers how many it found, EndMove gives the slot to `to`.
  void BeginMove(uint16_t slot, size_t from, size_t to);
  size_t MoveKeys(uint16_t slot, size_t from, size_t to, size_t keys_max);
  void EndMove(uint16_t slot, size_t from, size_t to);

 private:
  void Form();
  void AwaitAll(const std::function<bool(size_t node)>& holds, const char* what);
  std::vector<size_t> Running() const;
  // Which node has each slot, as one says; empty if some slot has none that runs.
  std::vector<size_t> OwnersBy(size_t node);
  std::string IdOf(size_t node);

  EventLoop loop_{"cluster"};
  std::array<std::unique_ptr<RedisServer>, kNodes> nodes_;
  std::array<std::unique_ptr<RedisClient>, kNodes> clients_;
};

}  // namespace epigrid
