#include "common/redis/cluster_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "common/base/shard.h"

namespace epigrid {
namespace {

using testing::HasSubstr;

Reply Text(std::string text) { return {.type = Reply::Type::kString, .text = std::move(text)}; }
Reply Number(int64_t number) { return {.type = Reply::Type::kInteger, .integer = number}; }
Reply List(std::vector<Reply> elements) {
  return {.type = Reply::Type::kArray, .elements = std::move(elements)};
}
Reply Node(const std::string& host, int64_t port) {
  return List({Text(host), Number(port), Text("id"), List({})});
}

constexpr std::array<const char*, 4> kServices = {"identity", "health_code", "contact_tracing",
                                                  "notification"};

// The first is the specification's; the others are Redis's own answers to CLUSTER KEYSLOT, as
// cluster_test.cc compares many.
TEST(SlotOfKeyTest, IsThatOfTheSpecification) {
  EXPECT_EQ(SlotOfKey("123456789"), 0x31C3);
  EXPECT_EQ(SlotOfKey(""), 0);
  EXPECT_EQ(SlotOfKey("foo"), 12182);
  EXPECT_EQ(SlotOfKey("{user1000}.following"), SlotOfKey("user1000"));
  EXPECT_EQ(SlotOfKey("foo{}{bar}"), SlotOfKey("foo{}{bar}")) << "an empty tag is none";
  EXPECT_NE(SlotOfKey("foo{}{bar}"), SlotOfKey("bar"));
  EXPECT_EQ(SlotOfKey("foo{{bar}}zap"), SlotOfKey("{bar"));
  EXPECT_EQ(SlotOfKey("foo{bar}{zap}"), SlotOfKey("bar"));
  EXPECT_EQ(SlotOfKey("{unclosed"), SlotOfKey("{unclosed"));
}

// Rule 2 of the architecture: three primaries that share the slots as redis-cli cuts them share the
// shards of each service nearly as evenly.
TEST(SlotOfKeyTest, ShardsSpreadEvenlyOverThreePrimaries) {
  for (const char* service : kServices) {
    std::array<int, 3> shards{};
    for (Shard shard = 0; shard < kDefaultShardCount; ++shard) {
      const uint16_t slot = SlotOfKey("epigrid:" + ShardTag(service, shard) + "1:meta");
      EXPECT_EQ(slot, SlotOfKey(ShardTag(service, shard) + "live"));
      ++shards[slot <= 5460 ? 0 : slot <= 10922 ? 1 : 2];
    }
    for (const int count : shards) {
      EXPECT_GE(count, 17) << service;
      EXPECT_LE(count, 26) << service;
    }
  }
}

TEST(ClusterSlotsTest, ReadsWhoHasWhat) {
  const RedisAddress asked{.host = "10.0.0.1", .port = 7000};
  const Reply reply =
      List({List({Number(0), Number(99), Node("10.0.0.1", 7000), Node("10.0.0.4", 7003)}),
            List({Number(200), Number(16383), Node("", 7001)}),
            List({Number(100), Number(100), Node("10.0.0.1", 7000)})});
  const Result<ClusterMap> map = ParseClusterSlots(reply, asked);
  ASSERT_TRUE(map.ok()) << map.status().ToString();
  const std::vector<ClusterMap::Node> nodes = {
      {"10.0.0.1", 7000, true}, {"10.0.0.4", 7003, false}, {"10.0.0.1", 7001, true}};
  EXPECT_EQ(map->nodes, nodes) << "a node without a host is at that of who answered";
  EXPECT_EQ(map->owner[0], 0);
  EXPECT_EQ(map->owner[99], 0);
  EXPECT_EQ(map->owner[100], 0);
  EXPECT_EQ(map->owner[101], ClusterMap::kNobody);
  EXPECT_EQ(map->owner[200], 2);
  EXPECT_EQ(map->owner[16383], 2);
}

TEST(ClusterSlotsTest, BelievesNothingUnchecked) {
  const RedisAddress asked{.host = "10.0.0.1", .port = 7000};
  const Reply node = Node("10.0.0.1", 7000);
  const Reply wrong[] = {
      {.type = Reply::Type::kError, .text = "ERR This instance has cluster support disabled"},
      Text("OK"),
      List({Text("x")}),
      List({List({Number(0), Number(1)})}),
      List({List({Number(-1), Number(1), node})}),
      List({List({Number(2), Number(1), node})}),
      List({List({Number(0), Number(16384), node})}),
  };
  for (const Reply& reply : wrong) {
    const Result<ClusterMap> map = ParseClusterSlots(reply, asked);
    EXPECT_EQ(map.status().reason(), "REDIS_CLUSTER_MALFORMED");
  }
  EXPECT_THAT(ParseClusterSlots(wrong[0], asked).status().message(), HasSubstr("disabled"));
  // Whom nobody can speak to has nothing.
  for (const Reply& unknown : {Node("?", 7000), Node("a host", 7000), Node("10.0.0.1", 0),
                               Node("10.0.0.1", 65536), List({Text("10.0.0.1")})}) {
    const Result<ClusterMap> map =
        ParseClusterSlots(List({List({Number(0), Number(16383), unknown, node})}), asked);
    ASSERT_TRUE(map.ok());
    EXPECT_EQ(map->owner[0], ClusterMap::kNobody);
  }
}

TEST(ClusterSlotsTest, TooManyNodesAreRefused) {
  std::vector<Reply> ranges;
  for (int64_t slot = 0; slot < 2'001; ++slot) {
    ranges.push_back(List({Number(slot), Number(slot), Node("10.0.0.1", slot + 1)}));
  }
  EXPECT_EQ(ParseClusterSlots(List(std::move(ranges)), {}).status().reason(),
            "REDIS_CLUSTER_MALFORMED");
}

TEST(RedirectTest, SaysWhereToGo) {
  const std::optional<Redirect> moved = ParseRedirect("MOVED 3999 127.0.0.1:6381");
  ASSERT_TRUE(moved.has_value());
  EXPECT_FALSE(moved->ask);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->host, "127.0.0.1");
  EXPECT_EQ(moved->port, 6381);
  EXPECT_TRUE(ParseRedirect("ASK 0 redis-1.city:6381")->ask);
  EXPECT_EQ(ParseRedirect("ASK 16383 2001:db8::1:6381")->host, "2001:db8::1");
  EXPECT_EQ(ParseRedirect("MOVED 1 :6381")->host, "");
}

TEST(RedirectTest, WhatCannotBeFollowedIsNone) {
  for (const char* text : {"",
                           "MOVED",
                           "MOVED ",
                           "MOVED 1",
                           "MOVED 1 ",
                           "MOVED 99999 x",
                           "MOVED 16384 a:1",
                           "MOVED -1 a:1",
                           "MOVED 1 a",
                           "MOVED 1 a:",
                           "MOVED 1 a:0",
                           "MOVED 1 a:65536",
                           "MOVED 1 a:1x",
                           "MOVED x a:1",
                           "MOVED 1 a:1 more",
                           "MOVED 1 ?:6379",
                           "MOVED 1  a:1",
                           "MOVED 1 a\r\nb:1",
                           "moved 1 a:1",
                           "ASKED 1 a:1",
                           "TRYAGAIN Multiple keys request during rehashing of slot",
                           "ERR MOVED 1 a:1"}) {
    EXPECT_FALSE(ParseRedirect(text).has_value()) << text;
  }
  EXPECT_FALSE(ParseRedirect("MOVED 1 " + std::string(254, 'a') + ":1").has_value());
}

TEST(OwnSlotsTest, FindsItselfAndWhatMoves) {
  const std::string others = "aa 10.0.0.2:7001@17001 master - 0 1 2 connected 5461-10922\n";
  const std::string own = "bb 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5460";
  EXPECT_EQ(ParseOwnSlots(others + own + "\n")->slots, "bb 0-5460");
  EXPECT_FALSE(ParseOwnSlots(others + own + "\n")->moving);
  EXPECT_TRUE(ParseOwnSlots(own + " [93-<-aa]\n" + others)->moving);
  EXPECT_TRUE(ParseOwnSlots(own + " [77->-aa]")->moving);
  EXPECT_FALSE(ParseOwnSlots(others).has_value());
  EXPECT_FALSE(ParseOwnSlots("").has_value());
  EXPECT_FALSE(ParseOwnSlots("bb 10.0.0.1:7000@17000").has_value());
}

}  // namespace
}  // namespace epigrid
