#include "common/redis/options.h"

#include <gtest/gtest.h>

namespace epigrid {
namespace {

TEST(RedisAddressTest, ReadsHostsAndSockets) {
  EXPECT_EQ(RedisAddress::Parse("redis.local:6380")->ToString(), "redis.local:6380");
  EXPECT_EQ(RedisAddress::Parse("[::1]:6380")->host, "::1");
  EXPECT_EQ(RedisAddress::Parse("unix:/run/redis.sock")->unix_socket, "/run/redis.sock");
}

TEST(RedisAddressTest, RefusesAnythingElse) {
  for (const char* text : {"", "redis", ":6379", "redis:", "redis:0", "redis:70000", "redis:6379x",
                           "::1:6379", "unix:"}) {
    EXPECT_EQ(RedisAddress::Parse(text).status().reason(), "REDIS_ADDRESS_MALFORMED") << text;
  }
}

}  // namespace
}  // namespace epigrid
