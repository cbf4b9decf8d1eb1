// RedisCluster on a real cluster of six nodes, and on servers that answer what they should not.
#include "common/redis/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "common/redis/client.h"
#include "common/redis/cluster_map.h"
#include "common/redis/testing/redis_cluster_server.h"

namespace epigrid {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

// Beyond what any of these tests takes: a deadline that is not meant to pass.
constexpr Duration kLong = 60s;

std::string KeyOf(int shard, const std::string& name = "key") {
  return "{test-" + std::to_string(shard) + "}" + name;
}

class RedisClusterTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<RedisClusterServer>(); }
  static void TearDownTestSuite() { cluster_.reset(); }
  static RedisClusterServer& cluster() { return *cluster_; }

  Reply Ask(std::vector<std::string> command, size_t key_at = 1) {
    Result<Reply> reply = redis_.Call(std::move(command), key_at, kLong).Wait();
    EXPECT_TRUE(reply.ok()) << reply.status().ToString();
    return reply.ok() ? *reply : Reply{};
  }
  // Which nodes have a key, asked by name.
  size_t NodesWith(const std::string& key) {
    size_t nodes = 0;
    for (size_t i = 0; i < RedisClusterServer::kNodes; ++i) {
      const std::string slot = std::to_string(SlotOfKey(key));
      const Reply keys = cluster().CallNode(i, {"CLUSTER", "GETKEYSINSLOT", slot, "1000"});
      for (const Reply& found : keys.elements) nodes += found.text == key ? 1 : 0;
    }
    return nodes;
  }

  static std::unique_ptr<RedisClusterServer> cluster_;
  EventLoop loop_{"redis"};
  RedisCluster redis_{loop_, {.seeds = cluster().seeds(), .deadline = 2s}};
};
std::unique_ptr<RedisClusterServer> RedisClusterTest::cluster_;

TEST_F(RedisClusterTest, ASlotIsWhatTheServerSaysItIs) {
  for (int i = 0; i < 200; ++i) {
    for (const std::string& key :
         {KeyOf(i), std::to_string(i * 7919), "a{" + std::string(i, 'x') + "}b", "{}" + KeyOf(i),
          std::string("\xff\0", 2) + std::to_string(i)}) {
      EXPECT_EQ(cluster().CallNode(0, {"CLUSTER", "KEYSLOT", key}).integer, SlotOfKey(key)) << key;
    }
  }
}

TEST_F(RedisClusterTest, EveryCommandFindsItsNode) {
  for (int shard = 0; shard < 64; ++shard) {
    EXPECT_EQ(Ask({"SET", KeyOf(shard), std::to_string(shard)}).text, "OK");
  }
  for (int shard = 0; shard < 64; ++shard) {
    EXPECT_EQ(Ask({"GET", KeyOf(shard)}).text, std::to_string(shard));
  }
  const RedisScript script("return {KEYS[1], redis.call('GET', KEYS[1]), ARGV[1]}");
  for (int shard = 0; shard < 64; ++shard) {
    const Result<Reply> reply =
        epigrid::Run(script.Call(redis_, {KeyOf(shard)}, {"x"}, kLong)).Wait();
    ASSERT_TRUE(reply.ok());
    EXPECT_EQ(reply->elements.at(1).text, std::to_string(shard));
  }
  EXPECT_TRUE(Ask({"GET", KeyOf(0), "more"}).is_error()) << "what a node refuses is a reply";
}

TEST_F(RedisClusterTest, SaysWhichNodesThereAre) {
  Result<std::vector<RedisNode>> nodes = redis_.Nodes().Wait();
  ASSERT_TRUE(nodes.ok()) << nodes.status().ToString();
  // A replica is named once its primary has heard how far it is.
  while (nodes->size() < RedisClusterServer::kNodes) nodes = redis_.Nodes().Wait();
  ASSERT_EQ(nodes->size(), RedisClusterServer::kNodes);
  int primaries = 0;
  for (const RedisNode& node : *nodes) {
    const Result<Reply> pong = redis_.CallNode(node.name, {"PING"}, kLong).Wait();
    ASSERT_TRUE(pong.ok());
    primaries += node.primary ? 1 : 0;
  }
  EXPECT_EQ(primaries, 3);
  EXPECT_EQ(redis_.CallNode("127.0.0.1:1", {"PING"}, kLong).Wait().status().reason(),
            "REDIS_NOT_SENT");
}

TEST_F(RedisClusterTest, FollowsASlotThatMoves) {
  const std::string key = KeyOf(1), other = KeyOf(1, "other"), later = KeyOf(1, "later");
  const uint16_t slot = SlotOfKey(key);
  const size_t from = cluster().PrimaryOf(slot), to = cluster().AnotherPrimary(from);
  Ask({"SET", key, "one"});
  Ask({"SET", other, "two"});
  const std::string placement = *redis_.Placement().Wait();
  cluster().BeginMove(slot, from, to);
  EXPECT_EQ(redis_.Placement().Wait().status().reason(), "REDIS_KEYS_MOVE");
  // There; made where the slot goes; not there at all.
  EXPECT_EQ(Ask({"GET", key}).text, "one");
  EXPECT_EQ(Ask({"SET", later, "three"}).text, "OK");
  EXPECT_EQ(cluster().CallNode(to, {"CLUSTER", "COUNTKEYSINSLOT", std::to_string(slot)}).integer,
            1);
  EXPECT_TRUE(Ask({"GET", KeyOf(1, "none")}).is_nil());
  EXPECT_THAT(Ask({"MGET", key, later}).text, StartsWith("TRYAGAIN")) << "for who called to judge";
  while (cluster().MoveKeys(slot, from, to, 1) > 0) {
    EXPECT_EQ(Ask({"GET", key}).text, "one");
    EXPECT_EQ(Ask({"GET", other}).text, "two");
    EXPECT_EQ(Ask({"GET", later}).text, "three");
  }
  EXPECT_EQ(Ask({"MGET", key, other, later}).elements.size(), 3u);
  cluster().EndMove(slot, from, to);
  EXPECT_EQ(Ask({"MGET", key, other, later}).elements.size(), 3u);
  EXPECT_NE(*redis_.Placement().Wait(), placement);
}

// ASKING holds for the next command of its connection, whosever that is.
TEST_F(RedisClusterTest, AskingIsForOneCommandAlone) {
  const std::string key = KeyOf(2);
  const uint16_t slot = SlotOfKey(key);
  const size_t from = cluster().PrimaryOf(slot), to = cluster().AnotherPrimary(from);
  cluster().BeginMove(slot, from, to);
  // Thousands that are asked for at the new node, between others that must not be.
  std::vector<Future<Result<Reply>>> answers;
  RedisClient direct(loop_, {.address = cluster().node(to).address(), .deadline = kLong});
  auto get = std::make_shared<const std::vector<std::string>>(
      std::vector<std::string>{"GET", KeyOf(2, "none")});
  for (int i = 0; i < 1'000; ++i) {
    answers.push_back(direct.CallAsking(get, kLong));
    answers.push_back(direct.CallShared(get, kLong));
  }
  for (size_t i = 0; i < answers.size(); ++i) {
    const Result<Reply> reply = std::move(answers[i]).Wait();
    ASSERT_TRUE(reply.ok());
    if (i % 2 == 0) {
      ASSERT_TRUE(reply->is_nil()) << reply->text;
    } else {
      ASSERT_THAT(reply->text, StartsWith("MOVED"));
    }
  }
  cluster().EndMove(slot, from, to);
}

TEST_F(RedisClusterTest, APrimaryThatDiesIsReplaced) {
  const std::string key = KeyOf(3);
  const size_t primary = cluster().PrimaryOf(SlotOfKey(key));
  Ask({"SET", key, "kept"});
  ASSERT_GE(cluster().CallNode(primary, {"WAIT", "1", "10000"}).integer, 1);
  std::vector<Future<Result<Reply>>> under_way;
  for (int i = 0; i < 100; ++i) under_way.push_back(redis_.Call({"GET", key}, 1, kLong));
  cluster().node(primary).Kill();
  for (int i = 0; i < 100; ++i) under_way.push_back(redis_.Call({"GET", key}, 1, kLong));
  for (auto& answer : under_way) {
    const Result<Reply> reply = std::move(answer).Wait();
    ASSERT_TRUE(reply.ok()) << reply.status().ToString();
    EXPECT_EQ(reply->text, "kept");
  }
  cluster().node(primary).Restart();
  cluster().AwaitInOrder();
}

// The connections stay, so that only the map tells that another has taken over.
TEST_F(RedisClusterTest, APrimaryThatStandsStillIsGivenUp) {
  const std::string key = KeyOf(4);
  const size_t primary = cluster().PrimaryOf(SlotOfKey(key));
  Ask({"SET", key, "kept"});
  ASSERT_GE(cluster().CallNode(primary, {"WAIT", "1", "10000"}).integer, 1);
  cluster().node(primary).Stop();
  const Result<Reply> reply = redis_.Call({"GET", key}, 1, kLong).Wait();
  EXPECT_TRUE(reply.ok()) << reply.status().ToString();
  EXPECT_EQ(reply.ok() ? reply->text : "", "kept");
  cluster().node(primary).Continue();
  cluster().AwaitInOrder();
}

TEST_F(RedisClusterTest, AFailoverByHandFailsNoCall) {
  const std::string key = KeyOf(5);
  const size_t primary = cluster().PrimaryOf(SlotOfKey(key));
  Ask({"SET", key, "0"});
  std::atomic<bool> done = false;
  int64_t counted = 0;
  std::thread counting([&] {
    while (!done) counted = Ask({"INCR", key}).integer;
  });
  cluster().FailOver(primary);
  done = true;
  counting.join();
  EXPECT_EQ(Ask({"GET", key}).text, std::to_string(counted));
}

TEST_F(RedisClusterTest, ACallEndsWithItsDeadline) {
  RedisCluster nobody(loop_, {.seeds = {{.host = "127.0.0.1", .port = 1}}, .deadline = 50ms});
  const Result<Reply> reply = nobody.Call({"GET", "key"}, 1, 100ms).Wait();
  EXPECT_EQ(reply.status().reason(), "REDIS_NOT_SENT");
  EXPECT_THAT(reply.status().message(), HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(nobody.Call({"GET", "key"}, 1, kUntilAnswered).Wait().status().reason(),
            "REDIS_NOT_SENT");
  EXPECT_EQ(nobody.Nodes().Wait().status().reason(), "REDIS_NOT_SENT");
}

// Two nodes that each say that the other has it.
TEST_F(RedisClusterTest, ARedirectInCirclesEndsWithTheDeadline) {
  const uint16_t slot = SlotOfKey(KeyOf(77));
  const size_t owner = cluster().PrimaryOf(slot), other = cluster().AnotherPrimary(owner);
  const auto id_of = [](size_t node) { return cluster().CallNode(node, {"CLUSTER", "MYID"}).text; };
  const auto say = [&](size_t node, size_t has_it) {
    const Reply said = cluster().CallNode(
        node, {"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", id_of(has_it)});
    ASSERT_FALSE(said.is_error()) << said.text;
  };
  say(owner, other);
  say(other, owner);
  const Result<Reply> reply = redis_.Call({"GET", KeyOf(77)}, 1, 300ms).Wait();
  if (reply.ok()) {
    EXPECT_THAT(reply->text, StartsWith("MOVED"));
  } else {
    EXPECT_EQ(reply.status().reason(), "REDIS_OUTCOME_UNKNOWN") << "one was on its way then";
  }
  say(other, other);
  say(owner, other);
  EXPECT_TRUE(Ask({"GET", KeyOf(77)}).is_nil());
}

TEST_F(RedisClusterTest, WhatIsUnderWayEndsWithIt) {
  auto redis = std::make_unique<RedisCluster>(loop_, RedisOptions{.seeds = cluster().seeds()});
  auto nobody = std::make_unique<RedisCluster>(
      loop_, RedisOptions{.seeds = {{.host = "127.0.0.1", .port = 1}}});
  auto blocked = redis->Call({"BLPOP", KeyOf(6), "0"}, 1, kUntilAnswered);
  auto waiting = nobody->Call({"GET", KeyOf(6)}, 1, kLong);
  redis.reset();
  nobody.reset();
  EXPECT_FALSE(std::move(blocked).Wait().ok());
  EXPECT_FALSE(std::move(waiting).Wait().ok());
}

TEST_F(RedisClusterTest, ASubscriberHearsWhateverNodeSpeaks) {
  std::atomic<int> heard = 0;
  RedisSubscriber subscriber(loop_, {.seeds = cluster().seeds(), .deadline = 200ms}, {"channel"},
                             [&](std::string_view, std::string_view) { ++heard; });
  const RedisScript publish("redis.call('PUBLISH', 'channel', 'x') return 1");
  // Also after whichever node it listens to has gone.
  for (size_t i = 0; i <= RedisClusterServer::kNodes; ++i) {
    const int before = heard;
    for (int shard = 0; heard == before; ++shard) {
      ASSERT_TRUE(epigrid::Run(publish.Call(redis_, {KeyOf(shard % 64)}, {}, kLong)).Wait().ok());
    }
    if (i == RedisClusterServer::kNodes) break;
    cluster().CallNode(i, {"CLIENT", "KILL", "TYPE", "pubsub"});
  }
}

// What docs/redis-cluster.md gives the user.
TEST_F(RedisClusterTest, EveryNodeIsToldWhoCalls) {
  for (size_t i = 0; i < RedisClusterServer::kNodes; ++i) {
    const Reply set = cluster().CallNode(
        i, {"ACL", "SETUSER", "epigrid", "on", ">secret", "~{test-*", "&channel", "+@read",
            "+@write", "+@scripting", "+@connection", "+publish", "+subscribe", "+config|get",
            "+cluster|slots", "+cluster|info", "+cluster|nodes", "+asking"});
    ASSERT_FALSE(set.is_error()) << set.text;
  }
  std::vector<RedisAddress> seeds = cluster().seeds();
  for (RedisAddress& seed : seeds) {
    seed.user = "epigrid";
    seed.password = "secret";
  }
  RedisCluster known(loop_, {.seeds = seeds});
  const RedisScript script(
      "redis.call('SET', KEYS[1], '1') redis.call('PUBLISH', 'channel', 'x') return 1");
  for (int shard = 0; shard < 16; ++shard) {
    const Result<Reply> reply = epigrid::Run(script.Call(known, {KeyOf(shard)}, {}, kLong)).Wait();
    ASSERT_TRUE(reply.ok()) << reply.status().ToString();
    EXPECT_EQ(reply->integer, 1) << reply->text;
  }
  EXPECT_TRUE(known.Placement().Wait().ok());
  EXPECT_TRUE(known.Call({"GET", "other"}, 1, kLong).Wait()->is_error());
  const std::string node = known.Nodes().Wait()->front().name;
  EXPECT_FALSE(
      known.CallNode(node, {"CONFIG", "GET", "maxmemory-policy"}, kLong).Wait()->is_error());
  EXPECT_FALSE(known.CallNode(node, {"SCAN", "0"}, kLong).Wait()->is_error());

  for (RedisAddress& seed : seeds) seed.password = "guessed";
  RedisCluster unknown(loop_, {.seeds = seeds});
  const Result<Reply> reply = unknown.Call({"GET", KeyOf(0)}, 1, 200ms).Wait();
  EXPECT_THAT(reply.status().message(), HasSubstr("WRONGPASS"));
}

// Nodes may be found by name: behind a proxy of each client's machine, for one.
TEST_F(RedisClusterTest, GoesToTheNamesThatNodesAnnounce) {
  const auto configure = [](const std::string& name, const std::string& value) {
    for (size_t i = 0; i < RedisClusterServer::kNodes; ++i) {
      ASSERT_FALSE(cluster().CallNode(i, {"CONFIG", "SET", name, value}).is_error());
    }
  };
  configure("cluster-announce-hostname", "localhost");
  configure("cluster-preferred-endpoint-type", "hostname");
  const auto named = [this] {
    const auto nodes = redis_.Nodes().Wait();
    return std::ranges::count_if(*nodes, [](const RedisNode& node) {
      return node.primary && node.name.starts_with("localhost:");
    });
  };
  // They tell each other at their leisure.
  while (named() < 3) std::this_thread::yield();
  for (int shard = 0; shard < 16; ++shard) {
    EXPECT_EQ(Ask({"SET", KeyOf(shard), "x"}).text, "OK");
  }
  configure("cluster-preferred-endpoint-type", "ip");
}

TEST_F(RedisClusterTest, AServerAloneIsNoCluster) {
  RedisServer alone({.tcp = true});
  RedisCluster redis(loop_, {.seeds = {alone.address()}, .deadline = 100ms});
  const Result<Reply> reply = redis.Call({"GET", "key"}, 1, kUntilAnswered).Wait();
  EXPECT_EQ(reply.status().reason(), "REDIS_NOT_SENT");
  EXPECT_THAT(reply.status().message(), HasSubstr("cluster support disabled"));
}

}  // namespace
}  // namespace epigrid
