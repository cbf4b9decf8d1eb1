#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <set>

#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLong = 60s;

class RedisSubscriberTest : public testing::Test {
 protected:
  RedisOptions Options(Duration deadline) {
    return {.address = server_.address(), .deadline = deadline, .connect_timeout = deadline};
  }

  void Note(std::string_view channel, std::string_view message) {
    std::lock_guard lock(mutex_);
    heard_.insert(std::string(channel) + " " + std::string(message));
    changed_.notify_all();
  }

  bool Heard(const std::string& what, std::chrono::milliseconds within) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, within, [&] { return heard_.contains(what); });
  }

  // Until it is heard: what is published before the subscription stands is lost, by design.
  void PublishUntilHeard(const std::string& channel, const std::string& message) {
    do {
      // Fails if it is the first to notice that the connection is lost.
      static_cast<void>(redis_.Call({"PUBLISH", channel, message}, kLong).Wait());
    } while (!Heard(channel + " " + message, 20ms));
  }

  EventLoop loop_{"redis"};
  RedisServer server_;
  RedisClient redis_{loop_, {.address = server_.address()}};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multiset<std::string> heard_;  // guarded by mutex_
};

TEST_F(RedisSubscriberTest, HearsItsChannelsAndNoOthers) {
  RedisSubscriber subscriber(loop_, Options(kLong), {"a", "b"},
                             [&](auto channel, auto message) { Note(channel, message); });
  PublishUntilHeard("a", "ready");
  EXPECT_TRUE(redis_.Call({"PUBLISH", "c", "1"}).Wait().ok());
  EXPECT_TRUE(redis_.Call({"PUBLISH", "a", "2"}).Wait().ok());
  EXPECT_TRUE(redis_.Call({"PUBLISH", "b", "3"}).Wait().ok());
  EXPECT_TRUE(Heard("b 3", 60s));
  EXPECT_TRUE(Heard("a 2", 0ms));
  EXPECT_FALSE(Heard("c 1", 0ms));
}

TEST_F(RedisSubscriberTest, SubscribesAgainAfterTheConnectionWasLost) {
  RedisSubscriber subscriber(loop_, Options(kLong), {"a"},
                             [&](auto channel, auto message) { Note(channel, message); });
  PublishUntilHeard("a", "1");
  server_.Restart();
  PublishUntilHeard("a", "2");
  EXPECT_TRUE(redis_.Call({"CLIENT", "KILL", "TYPE", "pubsub"}).Wait().ok());
  PublishUntilHeard("a", "3");
}

TEST_F(RedisSubscriberTest, NoticesAServerThatNoLongerAnswers) {
  RedisSubscriber subscriber(loop_, Options(30ms), {"a"},
                             [&](auto channel, auto message) { Note(channel, message); });
  PublishUntilHeard("a", "1");
  const auto connections = [this] {
    const std::string stats = redis_.Call({"INFO", "stats"}, kLong).Wait()->text;
    const size_t at = stats.find("total_connections_received:");
    return std::stoi(stats.substr(at + sizeof("total_connections_received:") - 1));
  };
  const int before = connections();
  server_.Stop();
  // The heartbeats are the subscriber's own; this only gives them the time that they need.
  loop_.Sleep(100ms).Wait();
  server_.Continue();
  PublishUntilHeard("a", "2");
  EXPECT_GT(connections(), before);
}

TEST_F(RedisSubscriberTest, ComesAndGoesWithoutAServer) {
  server_.Kill();
  RedisSubscriber subscriber(loop_, Options(kLong), {"a"}, [](auto, auto) {});
}

}  // namespace
}  // namespace epigrid
