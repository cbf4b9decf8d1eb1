#include "common/redis/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// Beyond what any of these tests takes: a deadline that is not meant to pass.
constexpr Duration kLong = 60s;

TEST(RedisLinkTest, FindsServersByNameOnTcp) {
  EventLoop loop("redis");
  RedisServer server({.tcp = true});
  RedisAddress address = server.address();
  address.host = "localhost";  // also where that is ::1 first
  RedisClient redis(loop, {.address = address});
  EXPECT_EQ(redis.Call({"PING"}, kLong).Wait()->text, "PONG");
  server.Restart();
  while (!redis.Call({"PING"}, kLong).Wait().ok()) {
  }
}

TEST(RedisLinkTest, SaysWhyThereIsNoConnection) {
  EventLoop loop("redis");
  const std::pair<RedisAddress, std::string> cases[] = {
      {{.unix_socket = "/nowhere/redis.sock"}, "no such file"},
      {{.unix_socket = std::string(200, 'x')}, "too long"},
      {{.host = "not a host name"}, "not a host name:6379"},
  };
  for (const auto& [address, why] : cases) {
    RedisClient redis(loop, {.address = address});
    const Status status = redis.Call({"PING"}, 200ms).Wait().status();
    EXPECT_EQ(status.reason(), "REDIS_NOT_SENT");
    EXPECT_THAT(status.message(), HasSubstr(why));
  }
}

TEST(RedisLinkTest, WaitsWhileTheServerLoadsItsData) {
  EventLoop loop("redis");
  // Loads for a second, and says so to who asks after every 1,024 commands.
  RedisServer server(
      {.config = {"--appendonly", "yes", "--appendfsync", "always", "--key-load-delay", "200"}});
  RedisClient redis(loop, {.address = server.address(), .deadline = kLong});
  std::vector<Future<Result<Reply>>> written;
  for (int i = 0; i < 5000; ++i) {
    written.push_back(redis.Call({"SET", "key" + std::to_string(i), "value"}));
  }
  for (auto& one : written) EXPECT_TRUE(std::move(one).Wait().ok());
  server.Kill();
  EXPECT_FALSE(redis.Call({"PING"}, 20ms).Wait().ok());
  auto waiting = redis.Call({"GET", "key4999"});
  server.Restart();
  EXPECT_EQ(std::move(waiting).Wait()->text, "value");
  const std::string errors = redis.Call({"INFO", "errorstats"}).Wait()->text;
  EXPECT_THAT(errors, HasSubstr("errorstat_LOADING"));
}

TEST(RedisLinkTest, Authenticates) {
  EventLoop loop("redis");
  RedisServer server({.config = {"--requirepass", "secret", "--user", "alice", "on", ">wonder",
                                 "~*", "&*", "+@all"}});
  const auto ping = [&](std::string user, std::string password) {
    RedisAddress address = server.address();
    address.user = std::move(user);
    address.password = std::move(password);
    RedisClient redis(loop, {.address = address, .name = "test"});
    return redis.Call({"PING"}, 300ms).Wait().status();
  };
  EXPECT_TRUE(ping("", "secret").ok());
  EXPECT_TRUE(ping("alice", "wonder").ok());
  EXPECT_THAT(ping("", "").message(), HasSubstr("NOAUTH"));
  const Status wrong = ping("alice", "guessed");
  EXPECT_EQ(wrong.reason(), "REDIS_NOT_SENT");
  EXPECT_THAT(wrong.message(), HasSubstr("AUTH was refused: WRONGPASS"));
  EXPECT_THAT(wrong.message(), Not(HasSubstr("guessed")));
}

}  // namespace
}  // namespace epigrid
