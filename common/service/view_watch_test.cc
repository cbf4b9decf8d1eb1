// On a real Redis that comes, goes and is set wrong.
#include "common/service/view_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "common/log/log.h"
#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class ViewWatchTest : public testing::Test {
 protected:
  void Start() {
    shards_.Start();
    loop_.RunOnLoop([this] {
      watching_ = watch_.Run();
      watching_.Start();
    });
  }
  void TearDown() override {
    loop_.RunOnLoop([this] { watching_ = {}; });
    shards_.Stop().Wait();
  }
  void Reported(std::string_view why_not) {
    std::lock_guard lock(mutex_);
    why_not_ = why_not;
    reported_.notify_all();
  }
  // Until it says something with this in it.
  void AwaitReport(const std::string& part) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(reported_.wait_for(
        lock, std::chrono::minutes(1),
        [&] { return part.empty() ? why_not_.empty() : why_not_.find(part) != std::string::npos; }))
        << "it says " << why_not_;
  }
  void Configure(const std::string& policy) {
    EventLoop loop("side");
    RedisClient redis(loop, {.address = server_.address()});
    ASSERT_TRUE(redis.Call({"CONFIG", "SET", "maxmemory-policy", policy}).Wait().ok());
  }

  LogCapture log_;
  Metrics metrics_;
  RedisServer server_;
  EventLoop loop_{"test"};
  RedisClient redis_{loop_, {.address = server_.address(), .deadline = milliseconds(50)}};
  ShardTable shards_{loop_,
                     redis_,
                     {.address = server_.address()},
                     {.service = "test", .shard_count = 4, .stale_after = milliseconds(300)}};
  std::mutex mutex_;
  std::condition_variable reported_;
  std::string why_not_ = "nothing yet";
  ViewWatch watch_{"test",  loop_,    redis_,
                   shards_, metrics_, [this](std::string_view why_not) { Reported(why_not); }};
  Task<void> watching_;
};

TEST_F(ViewWatchTest, FollowsAViewThatComesGoesAndComesBack) {
  server_.Kill();
  EXPECT_FALSE(shards_.AwaitFirstRound(Duration(0)).Wait());
  Start();
  AwaitReport("VIEW_UNAVAILABLE");
  EXPECT_FALSE(shards_.AwaitFirstRound(milliseconds(20)).Wait()) << "nothing has answered";
  EXPECT_THAT(metrics_.Text(), HasSubstr("epigrid_test_unreadable_shards 4"));
  server_.Restart();
  AwaitReport("");
  EXPECT_THAT(metrics_.Text(), HasSubstr("epigrid_test_view_outages_total 0"));
  server_.Kill();
  AwaitReport("VIEW_UNAVAILABLE");
  EXPECT_THAT(metrics_.Text(), HasSubstr("epigrid_test_view_outages_total 1"));
  EXPECT_THAT(log_.text(), HasSubstr("service.view_not_readable"));
  server_.Restart();
  AwaitReport("");
  EXPECT_THAT(metrics_.Text(), HasSubstr("epigrid_test_unreadable_shards 0"));
}

TEST_F(ViewWatchTest, AViewThatEvictsIsNotReady) {
  Configure("allkeys-lru");
  EXPECT_EQ(epigrid::Run(watch_.CheckPolicy()).Wait().reason(), "VIEW_EVICTS");
  Start();
  AwaitReport("VIEW_EVICTS");
  // It is looked at again after each outage, however short the time since the last look.
  server_.Kill();
  AwaitReport("VIEW_UNAVAILABLE");
  server_.Restart();  // with what its command line says
  AwaitReport("");
}

}  // namespace
}  // namespace epigrid
