#include "common/redis/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// Beyond what any of these tests takes: a deadline that is not meant to pass.
constexpr Duration kLong = 60s;

class RedisClientTest : public testing::Test {
 protected:
  std::unique_ptr<RedisClient> NewClient(RedisOptions options = {}) {
    options.address = server_.address();
    if (options.deadline == RedisOptions{}.deadline) options.deadline = kLong;
    return std::make_unique<RedisClient>(loop_, options);
  }

  static Reply Ask(RedisClient& redis, std::vector<std::string> command) {
    Result<Reply> reply = redis.Call(std::move(command), kLong).Wait();
    EXPECT_TRUE(reply.ok()) << reply.status().ToString();
    return reply.ok() ? *reply : Reply{};
  }

  // Until a client is blocked in the server by BLPOP: its command has arrived.
  static void AwaitBlocked(RedisClient& observer) {
    while (Ask(observer, {"INFO", "clients"}).text.find("blocked_clients:1") == std::string::npos) {
    }
  }

  EventLoop loop_{"redis"};
  RedisServer server_;
};

TEST_F(RedisClientTest, AnswersEveryTypeOfReply) {
  auto redis = NewClient();
  EXPECT_EQ(Ask(*redis, {"SET", "key", "value"}).type, Reply::Type::kStatus);
  EXPECT_EQ(Ask(*redis, {"GET", "key"}).text, "value");
  EXPECT_TRUE(Ask(*redis, {"GET", "none"}).is_nil());
  EXPECT_EQ(Ask(*redis, {"RPUSH", "list", "a", "b"}).integer, 2);
  EXPECT_EQ(Ask(*redis, {"LRANGE", "list", "0", "-1"}).elements.size(), 2);
  const std::string binary("\0\r\n\xff", 4);
  Ask(*redis, {"SET", "key", binary});
  EXPECT_EQ(Ask(*redis, {"GET", "key"}).text, binary);
}

TEST_F(RedisClientTest, WhatTheServerRefusesIsAReply) {
  auto redis = NewClient();
  const Reply reply = Ask(*redis, {"NOSUCHCOMMAND"});
  EXPECT_TRUE(reply.is_error());
  EXPECT_THAT(reply.text, HasSubstr("unknown command"));
}

// Timers run before sockets are read: an answer that came in time may still wait to be read.
TEST_F(RedisClientTest, ABusyLoopIsNoLateAnswer) {
  constexpr Duration kDeadline = 1s;
  auto redis = NewClient();
  EventLoop other_loop("other");
  RedisClient other(other_loop, {.address = server_.address(), .deadline = kLong});
  Ask(*redis, {"PING"});
  const auto called = std::chrono::steady_clock::now();
  auto answer = redis->Call({"BLPOP", "list", "0"}, kDeadline);
  AwaitBlocked(other);
  std::atomic<bool> busy = false, answered = false;
  loop_.Post([&] {
    busy = true;
    while (!answered || std::chrono::steady_clock::now() < called + 2 * kDeadline) {
    }
  });
  while (!busy) {
  }
  Ask(other, {"RPUSH", "list", "value"});
  answered = true;
  const Result<Reply> reply = std::move(answer).Wait();
  ASSERT_TRUE(reply.ok()) << reply.status().ToString();
  EXPECT_EQ(reply->elements.at(1).text, "value");
}

TEST_F(RedisClientTest, WithoutADeadlineOnlySilenceEndsACommand) {
  auto redis = NewClient({.deadline = 50ms});
  Ask(*redis, {"PING"});
  server_.Stop();
  const Result<Reply> reply = redis->Call({"PING"}, kUntilAnswered).Wait();
  EXPECT_EQ(reply.status().reason(), "REDIS_OUTCOME_UNKNOWN");
  auto waiting = redis->Call({"PING"}, kUntilAnswered);
  server_.Continue();
  const Result<Reply> after = std::move(waiting).Wait();
  // On a busy machine the new connection may take longer than the client's deadline.
  EXPECT_TRUE(after.ok() || after.status().reason() == "REDIS_NOT_SENT")
      << after.status().ToString();
  EXPECT_EQ(Ask(*redis, {"PING"}).text, "PONG");
}

TEST_F(RedisClientTest, WithoutADeadlineWhatCannotBeSentFailsAfterTheClients) {
  auto redis = NewClient({.deadline = 20ms});
  server_.Kill();
  for (int i = 0; i < 3; ++i) {
    const Result<Reply> reply = redis->Call({"PING"}, kUntilAnswered).Wait();
    EXPECT_EQ(reply.status().reason(), "REDIS_NOT_SENT");
  }
  auto waiting = redis->Call({"PING"}, kUntilAnswered);
  server_.Restart();
  const Result<Reply> after = std::move(waiting).Wait();
  EXPECT_TRUE(after.ok() || after.status().reason() == "REDIS_NOT_SENT");
  EXPECT_EQ(Ask(*redis, {"PING"}).text, "PONG");
}

TEST_F(RedisClientTest, KeepsTheOrderOfCallsOfEachThread) {
  auto redis = NewClient();
  constexpr int kThreads = 4;
  constexpr int kCalls = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<Future<Result<Reply>>> answers;
      for (int i = 0; i < kCalls; ++i) {
        answers.push_back(redis->Call({"RPUSH", "list", std::to_string(t * kCalls + i)}));
      }
      int64_t length = 0;
      for (auto& answer : answers) {
        Result<Reply> reply = std::move(answer).Wait();
        ASSERT_TRUE(reply.ok());
        EXPECT_GT(reply->integer, length);  // each answer belongs to its call
        length = reply->integer;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  std::map<int, int> last;
  const Reply list = Ask(*redis, {"LRANGE", "list", "0", "-1"});
  ASSERT_EQ(list.elements.size(), kThreads * kCalls);
  for (const Reply& element : list.elements) {
    const int number = std::stoi(element.text);
    const int thread = number / kCalls;
    if (last.contains(thread)) {
      EXPECT_EQ(number, last[thread] + 1);
    }
    last[thread] = number;
  }
}

Task<int> CountTo(RedisClient& redis, std::string key, int last) {
  int count = 0;
  while (count < last)
    count = static_cast<int>((co_await redis.Call({"INCR", key})).value().integer);
  co_return count;
}

TEST_F(RedisClientTest, CoroutinesCallFromTheLoopsThread) {
  auto redis = NewClient();
  std::vector<Future<int>> counts;
  for (int i = 0; i < 50; ++i) {
    counts.push_back(epigrid::Run(CountTo(*redis, "key" + std::to_string(i), 50)));
  }
  for (Future<int>& count : counts) EXPECT_EQ(std::move(count).Wait(), 50);
}

TEST_F(RedisClientTest, CarriesLargeValues) {
  auto redis = NewClient();
  const std::string large(8 << 20, 'x');
  auto set = redis->Call({"SET", "large", large});
  auto get = redis->Call({"GET", "large"});
  auto small = redis->Call({"STRLEN", "large"});
  EXPECT_TRUE(std::move(set).Wait().ok());
  EXPECT_EQ(std::move(get).Wait()->text, large);
  EXPECT_EQ(std::move(small).Wait()->integer, large.size());
}

TEST_F(RedisClientTest, AStalledServerFailsAtTheDeadlineAndItsLateAnswerIsThrownAway) {
  auto redis = NewClient();
  Ask(*redis, {"SET", "key", "old"});
  server_.Stop();
  const Status status = redis->Call({"GET", "key"}, 30ms).Wait().status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.reason(), "REDIS_OUTCOME_UNKNOWN");
  auto next = redis->Call({"STRLEN", "key"}, kLong);
  server_.Continue();
  EXPECT_EQ(std::move(next).Wait()->integer, 3);
}

TEST_F(RedisClientTest, EachCommandHasADeadlineOfItsOwn) {
  auto redis = NewClient();
  Ask(*redis, {"PING"});
  server_.Stop();
  auto patient = redis->Call({"INCR", "key"}, kLong);
  auto hasty = redis->Call({"INCR", "key"}, 20ms);
  auto later = redis->Call({"INCR", "key"}, 40ms);
  EXPECT_EQ(std::move(hasty).Wait().status().reason(), "REDIS_OUTCOME_UNKNOWN");
  EXPECT_EQ(std::move(later).Wait().status().reason(), "REDIS_OUTCOME_UNKNOWN");
  EXPECT_FALSE(patient.ready());
  server_.Continue();
  EXPECT_EQ(std::move(patient).Wait()->integer, 1);
}

TEST_F(RedisClientTest, AServerThatStaysSilentIsGivenUp) {
  auto redis = NewClient({.deadline = 30ms, .connect_timeout = 30ms});
  Ask(*redis, {"PING"});
  server_.Stop();
  auto hasty = redis->Call({"PING"});
  auto patient = redis->Call({"PING"}, kLong);
  EXPECT_EQ(std::move(hasty).Wait().status().reason(), "REDIS_OUTCOME_UNKNOWN");
  const Status status = std::move(patient).Wait().status();  // long before its deadline
  EXPECT_EQ(status.reason(), "REDIS_OUTCOME_UNKNOWN");
  EXPECT_THAT(status.message(), HasSubstr("does not answer"));
  EXPECT_EQ(redis->Call({"PING"}).Wait().status().reason(), "REDIS_NOT_SENT");
  auto next = redis->Call({"PING"}, kLong);
  server_.Continue();
  EXPECT_EQ(std::move(next).Wait()->text, "PONG");
}

TEST_F(RedisClientTest, ConnectsAgainWhenTheServerIsBack) {
  auto redis = NewClient();
  Ask(*redis, {"PING"});
  server_.Kill();
  auto waiting = redis->Call({"PING"}, 20ms);
  EXPECT_EQ(std::move(waiting).Wait().status().code(), Code::kUnavailable);
  const Status status = redis->Call({"PING"}, 20ms).Wait().status();
  EXPECT_EQ(status.reason(), "REDIS_NOT_SENT");
  auto first = redis->Call({"RPUSH", "list", "1"}, kLong);
  auto second = redis->Call({"RPUSH", "list", "2"}, kLong);
  server_.Restart();
  EXPECT_EQ(std::move(first).Wait()->integer, 1);
  EXPECT_EQ(std::move(second).Wait()->integer, 2);
  for (int i = 0; i < 3; ++i) {
    server_.Restart();
    // The loss may be noticed only after this is written: then its outcome is unknown.
    const Result<Reply> reply = redis->Call({"PING"}, kLong).Wait();
    if (!reply.ok()) {
      EXPECT_EQ(reply.status().reason(), "REDIS_OUTCOME_UNKNOWN");
    }
    Ask(*redis, {"PING"});
  }
}

TEST_F(RedisClientTest, WhatIsOnItsWayWhenTheConnectionIsLostIsUnknown) {
  auto redis = NewClient();
  auto observer = NewClient();
  auto blocked = redis->Call({"BLPOP", "list", "0"}, kLong);
  AwaitBlocked(*observer);
  server_.Kill();
  const Status status = std::move(blocked).Wait().status();
  EXPECT_EQ(status.reason(), "REDIS_OUTCOME_UNKNOWN");
  EXPECT_THAT(status.message(), HasSubstr("lost"));
}

TEST_F(RedisClientTest, RefusesWhatIsBeyondTheQueue) {
  auto redis = NewClient({.queue_max = 10});
  Ask(*redis, {"PING"});
  server_.Stop();
  std::vector<Future<Result<Reply>>> answers;
  for (int i = 0; i < 10; ++i) answers.push_back(redis->Call({"INCR", "key"}));
  const Status status = redis->Call({"INCR", "key"}).Wait().status();
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_EQ(status.reason(), "REDIS_QUEUE_FULL");
  server_.Continue();
  for (auto& answer : answers) EXPECT_TRUE(std::move(answer).Wait().ok());
  EXPECT_EQ(Ask(*redis, {"INCR", "key"}).integer, 11);
}

TEST_F(RedisClientTest, DestroyedItFailsWhatIsInFlight) {
  auto observer = NewClient();
  auto redis = NewClient({.name = "short-lived"});
  EXPECT_EQ(Ask(*redis, {"CLIENT", "GETNAME"}).text, "short-lived");
  auto blocked = redis->Call({"BLPOP", "list", "0"}, kLong);
  AwaitBlocked(*observer);
  redis.reset();
  EXPECT_EQ(std::move(blocked).Wait().status().reason(), "REDIS_OUTCOME_UNKNOWN");

  server_.Kill();
  redis = NewClient();
  auto waiting = redis->Call({"PING"}, kLong);
  redis.reset();
  EXPECT_EQ(std::move(waiting).Wait().status().reason(), "REDIS_NOT_SENT");
}

TEST_F(RedisClientTest, OneThatWasNeverUsedNeedsNoServer) {
  RedisClient redis(loop_, {.address = {.unix_socket = "/nowhere"}});
}

}  // namespace
}  // namespace epigrid
