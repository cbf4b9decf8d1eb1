#include <gtest/gtest.h>

#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLong = 60s;

class RedisScriptTest : public testing::Test {
 protected:
  Result<Reply> Append(std::string value) {
    return epigrid::Run(script_.Call(redis_, {"list"}, {std::move(value)}, kLong)).Wait();
  }
  Reply Ask(std::vector<std::string> command) {
    return redis_.Call(std::move(command), kLong).Wait().value();
  }

  EventLoop loop_{"redis"};
  RedisServer server_;
  RedisClient redis_{loop_, {.address = server_.address()}};
  RedisScript script_{"return redis.call('RPUSH', KEYS[1], ARGV[1])"};
};

TEST_F(RedisScriptTest, IsLoadedOnFirstUseAndCalledByItsHashFromThenOn) {
  EXPECT_EQ(Append("a")->integer, 1);
  EXPECT_EQ(Append("b")->integer, 2);
  const std::string stats = Ask({"INFO", "commandstats"}).text;
  EXPECT_NE(stats.find("cmdstat_eval:calls=1,"), std::string::npos) << stats;
  EXPECT_NE(stats.find("cmdstat_evalsha:calls=2,"), std::string::npos) << stats;
}

TEST_F(RedisScriptTest, IsLoadedAgainWhenTheServerForgotIt) {
  EXPECT_EQ(Append("a")->integer, 1);
  Ask({"SCRIPT", "FLUSH"});
  EXPECT_EQ(Append("b")->integer, 2);
  server_.Restart();
  // The loss of the connection is noticed by now or by the first of these.
  Result<Reply> reply = Append("c");
  if (!reply.ok()) reply = Append("c");
  EXPECT_EQ(reply->integer, 1);
}

TEST_F(RedisScriptTest, ItsErrorsAreReplies) {
  Ask({"SET", "list", "not a list"});
  const Result<Reply> reply = Append("a");
  ASSERT_TRUE(reply.ok());
  EXPECT_TRUE(reply->is_error());
  EXPECT_TRUE(reply->text.starts_with("WRONGTYPE")) << reply->text;
}

TEST_F(RedisScriptTest, ItsDeadlinePasses) {
  EXPECT_TRUE(Append("a").ok());
  server_.Stop();
  const Result<Reply> reply = epigrid::Run(script_.Call(redis_, {"list"}, {"b"}, 20ms)).Wait();
  EXPECT_EQ(reply.status().reason(), "REDIS_OUTCOME_UNKNOWN");
  server_.Continue();
}

}  // namespace
}  // namespace epigrid
