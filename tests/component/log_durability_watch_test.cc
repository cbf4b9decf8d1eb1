// LogDurabilityWatch on a real Redis: what the operator is told of the log's settings.
#include "common/service/log_durability_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/base/event_loop.h"
#include "common/event_log/redis_streams_log.h"
#include "common/log/log.h"
#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

class LogDurabilityWatchTest : public testing::Test {
 protected:
  void Watch(std::vector<std::string> config) {
    server_ = std::make_unique<RedisServer>(RedisServer::Options{.config = std::move(config)});
    RedisStreamsLogOptions options;
    options.redis.address = server_->address();
    redis_ = std::make_unique<RedisClient>(loop_, options.redis);
    log_ = std::make_unique<RedisStreamsLog>(loop_, options);
    ASSERT_TRUE(log_->Open({}).Wait().ok());
    watch_ = std::make_unique<LogDurabilityWatch>(loop_, *log_, "test", metrics_, milliseconds(5));
    loop_.RunOnLoop([this] {
      work_ = watch_->Run();
      work_.Start();
    });
  }
  void TearDown() override {
    loop_.RunOnLoop([this] { work_ = {}; });
  }

  void Set(const std::string& setting, const std::string& value) {
    const Result<Reply> reply = redis_->Call({"CONFIG", "SET", setting, value}).Wait();
    ASSERT_TRUE(reply.ok() && !reply->is_error());
  }
  // Waits until the metrics say so, and the log has the line for it.
  void AwaitSaid(bool keeps, const std::string& in_force) {
    const std::string gauge =
        std::string("epigrid_test_log_keeps_acknowledged ") + (keeps ? "1" : "0");
    const auto give_up = std::chrono::steady_clock::now() + seconds(60);
    while (metrics_.Text().find(gauge + "\n") == std::string::npos ||
           lines_.text().find(in_force) == std::string::npos) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << lines_.text() << metrics_.Text();
      std::this_thread::yield();
    }
  }

  LogCapture lines_;
  Metrics metrics_;
  EventLoop loop_{"test"};
  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<RedisClient> redis_;
  std::unique_ptr<RedisStreamsLog> log_;
  std::unique_ptr<LogDurabilityWatch> watch_;
  Task<void> work_;
};

TEST_F(LogDurabilityWatchTest, SaysThatThePromiseHolds) {
  Watch({"--appendonly", "yes", "--appendfsync", "always"});
  AwaitSaid(true, "appendonly yes, appendfsync always, no-appendfsync-on-rewrite no");
  EXPECT_THAT(lines_.text(), HasSubstr(R"("level":"info","event":"log.durability")"));
  EXPECT_THAT(lines_.text(), Not(HasSubstr("log.durability_lacking")));
}

TEST_F(LogDurabilityWatchTest, WarnsOfALogThatKeepsNothingAndSaysWhatToMend) {
  Watch({"--appendonly", "no"});
  AwaitSaid(false, "appendonly no");
  EXPECT_THAT(lines_.text(), HasSubstr(R"("level":"warn","event":"log.durability_lacking")"));
  EXPECT_THAT(lines_.text(), HasSubstr("set appendonly yes and appendfsync always"));
}

TEST_F(LogDurabilityWatchTest, NoticesAChangeWhileItRunsAndSaysItOnce) {
  Watch({"--appendonly", "yes", "--appendfsync", "everysec"});
  AwaitSaid(false, "appendfsync everysec");
  Set("appendfsync", "always");
  AwaitSaid(true, "appendfsync always");
  Set("appendfsync", "no");
  AwaitSaid(false, "appendfsync no");
  const std::string lines = lines_.text();
  EXPECT_EQ(std::ranges::count(lines, '\n'), 3) << lines;
}

}  // namespace
}  // namespace epigrid
