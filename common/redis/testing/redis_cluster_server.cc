#include "common/redis/testing/redis_cluster_server.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/redis/cluster_map.h"

namespace epigrid {
namespace {

constexpr int kPollIntervalMicros = 5'000;
constexpr int kPollsMax = 12'000;  // a minute: also on a machine that is busy with other tests
constexpr int kPollsPerFailover = 500;
constexpr Duration kLong = std::chrono::seconds(30);

}  // namespace

RedisClusterServer::RedisClusterServer(std::vector<std::string> config) {
  // A primary counts as failed after a second, and nothing else stops for it.
  config.insert(config.begin(),
                {"--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no",
                 "--repl-diskless-sync-delay", "0"});
  for (size_t i = 0; i < kNodes; ++i) {
    nodes_[i] = std::make_unique<RedisServer>(
        RedisServer::Options{.config = config, .tcp = true, .cluster = true});
    clients_[i] = std::make_unique<RedisClient>(
        loop_, RedisOptions{.address = nodes_[i]->address(), .deadline = kLong});
  }
  Form();
}

void RedisClusterServer::Form() {
  for (size_t i = 0; i < kPrimaries; ++i) {
    const size_t first = kClusterSlots * i / kPrimaries;
    const size_t end = kClusterSlots * (i + 1) / kPrimaries;
    CallNode(i, {"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(end - 1)});
    CallNode(i, {"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
  }
  for (size_t i = 1; i < kNodes; ++i) {
    const RedisAddress& address = nodes_[i]->address();
    CallNode(0, {"CLUSTER", "MEET", address.host, std::to_string(address.port),
                 std::to_string(nodes_[i]->bus_port())});
  }
  AwaitAll(
      [this](size_t node) {
        const std::string info = CallNode(node, {"CLUSTER", "INFO"}).text;
        return info.find("cluster_known_nodes:6\r") != std::string::npos &&
               info.find("cluster_slots_assigned:16384\r") != std::string::npos;
      },
      "the nodes know each other");
  for (size_t i = kPrimaries; i < kNodes; ++i) {
    CallNode(i, {"CLUSTER", "REPLICATE", IdOf(i - kPrimaries)});
  }
  AwaitInOrder();
}

std::vector<RedisAddress> RedisClusterServer::seeds() const {
  std::vector<RedisAddress> seeds;
  for (const auto& node : nodes_) seeds.push_back(node->address());
  return seeds;
}

Reply RedisClusterServer::CallNode(size_t i, std::vector<std::string> command) {
  Result<Reply> reply = clients_[i]->Call(std::move(command), kLong).Wait();
  // The connection may be one of before a restart.
  if (!reply.ok()) return {.type = Reply::Type::kError, .text = reply.status().ToString()};
  return std::move(reply).value();
}

std::vector<size_t> RedisClusterServer::Running() const {
  std::vector<size_t> running;
  for (size_t i = 0; i < kNodes; ++i) {
    if (nodes_[i]->pid() > 0) running.push_back(i);
  }
  return running;
}

void RedisClusterServer::AwaitAll(const std::function<bool(size_t node)>& holds, const char* what) {
  for (int i = 0; i < kPollsMax; ++i) {
    if (std::ranges::all_of(Running(), holds)) return;
    usleep(kPollIntervalMicros);
  }
  CheckFailed(__FILE__, __LINE__, what, "not within a minute");
}

std::string RedisClusterServer::IdOf(size_t node) {
  return CallNode(node, {"CLUSTER", "MYID"}).text;
}

std::vector<size_t> RedisClusterServer::OwnersBy(size_t node) {
  const Result<ClusterMap> map =
      ParseClusterSlots(CallNode(node, {"CLUSTER", "SLOTS"}), nodes_[node]->address());
  if (!map.ok()) return {};
  std::vector<size_t> owners;
  for (const uint16_t place : map->owner) {
    if (place == ClusterMap::kNobody) return {};
    const auto at = std::ranges::find_if(nodes_, [&](const std::unique_ptr<RedisServer>& one) {
      return one->address().port == map->nodes[place].port;
    });
    if (at == nodes_.end() || (*at)->pid() <= 0) return {};  // nobody has taken over yet
    owners.push_back(static_cast<size_t>(at - nodes_.begin()));
  }
  return owners;
}

void RedisClusterServer::AwaitInOrder() {
  std::vector<size_t> owners;
  AwaitAll(
      [&](size_t node) {
        if (node == Running().front()) owners = OwnersBy(node);
        if (owners.empty() || OwnersBy(node) != owners) return false;
        if (!ClusterIsInOrder(CallNode(node, {"CLUSTER", "INFO"}))) return false;
        const std::string replication = CallNode(node, {"INFO", "replication"}).text;
        const bool primary = std::ranges::find(owners, node) != owners.end();
        return primary ? replication.find("role:master") != std::string::npos
                       : replication.find("master_link_status:up") != std::string::npos;
      },
      "the cluster is in order");
}

size_t RedisClusterServer::PrimaryOf(uint16_t slot) {
  AwaitInOrder();
  return OwnersBy(Running().front())[slot];
}

size_t RedisClusterServer::AnotherPrimary(size_t than) {
  AwaitInOrder();
  const std::vector<size_t> owners = OwnersBy(than);
  return *std::ranges::find_if(owners, [&](size_t owner) { return owner != than; });
}

size_t RedisClusterServer::ReplicaOf(size_t primary) {
  AwaitInOrder();
  for (const size_t node : Running()) {
    const std::string port = std::to_string(nodes_[primary]->address().port);
    const std::string replication = CallNode(node, {"INFO", "replication"}).text;
    if (replication.find("master_port:" + port + "\r") != std::string::npos) return node;
  }
  CheckFailed(__FILE__, __LINE__, "a primary has a replica", "it has none that runs");
}

void RedisClusterServer::FailOver(size_t primary) {
  const size_t replica = ReplicaOf(primary);
  const auto has_slots = [this](size_t node) {
    const std::vector<size_t> owners = OwnersBy(node);
    return std::ranges::find(owners, node) != owners.end();
  };
  for (int i = 0; !has_slots(replica); ++i) {
    EPIGRID_CHECK(i < kPollsMax, "the replica takes over within a minute");
    // Again if it came to nothing: the others vote for a replica of the same primary only once in
    // two seconds.
    if (i % kPollsPerFailover == 0) CallNode(replica, {"CLUSTER", "FAILOVER"});
    usleep(kPollIntervalMicros);
  }
  AwaitInOrder();
}

void RedisClusterServer::BeginMove(uint16_t slot, size_t from, size_t to) {
  const std::string text = std::to_string(slot);
  Reply reply = CallNode(to, {"CLUSTER", "SETSLOT", text, "IMPORTING", IdOf(from)});
  EPIGRID_CHECK(!reply.is_error(), reply.text);
  reply = CallNode(from, {"CLUSTER", "SETSLOT", text, "MIGRATING", IdOf(to)});
  EPIGRID_CHECK(!reply.is_error(), reply.text);
}

size_t RedisClusterServer::MoveKeys(uint16_t slot, size_t from, size_t to, size_t keys_max) {
  const Reply keys =
      CallNode(from, {"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), std::to_string(keys_max)});
  if (keys.elements.empty()) return 0;
  const RedisAddress& address = nodes_[to]->address();
  std::vector<std::string> command = {
      "MIGRATE", address.host, std::to_string(address.port), "", "0", "10000", "KEYS"};
  for (const Reply& key : keys.elements) command.push_back(key.text);
  const Reply reply = CallNode(from, std::move(command));
  EPIGRID_CHECK(!reply.is_error(), reply.text);
  return keys.elements.size();
}

void RedisClusterServer::EndMove(uint16_t slot, size_t from, size_t to) {
  // First of all who receives it, so that there is always one who has it.
  std::vector<size_t> order = {to, from};
  for (const size_t node : Running()) {
    if (node != to && node != from && OwnersBy(node)[slot] == from) order.push_back(node);
  }
  for (const size_t node : order) {
    // A replica learns it from its primary.
    CallNode(node, {"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", IdOf(to)});
  }
  AwaitInOrder();
}

}  // namespace epigrid
