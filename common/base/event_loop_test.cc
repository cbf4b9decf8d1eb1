#include "common/base/event_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace epigrid {
namespace {

using namespace std::chrono_literals;

TEST(EventLoopTest, RunsWhatIsPostedInOrderOnItsThread) {
  EventLoop loop("test");
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) {
    loop.Post([&, i] {
      EXPECT_TRUE(loop.OnLoopThread());
      order.push_back(i);
    });
  }
  loop.RunOnLoop([] {});
  ASSERT_EQ(order.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
  EXPECT_FALSE(loop.OnLoopThread());
}

TEST(EventLoopTest, KeepsTheOrderOfEachThreadThatPosts) {
  EventLoop loop("test");
  constexpr int kThreads = 4;
  constexpr int kPosts = 5000;
  std::vector<std::vector<int>> seen(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) loop.Post([&, t, i] { seen[t].push_back(i); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  loop.RunOnLoop([] {});
  for (const std::vector<int>& one : seen) {
    ASSERT_EQ(one.size(), kPosts);
    EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
  }
}

Task<void> SleepAndNote(EventLoop& loop, Duration duration, int name, std::vector<int>& woken) {
  co_await loop.Sleep(duration);
  EXPECT_TRUE(loop.OnLoopThread());
  woken.push_back(name);
}

TEST(EventLoopTest, WakesSleepersInTheOrderOfTheirTime) {
  EventLoop loop("test");
  std::vector<int> woken;
  loop.RunOnLoop([&] {
    Spawn(SleepAndNote(loop, 20ms, 3, woken));
    Spawn(SleepAndNote(loop, 1ms, 1, woken));
    Spawn(SleepAndNote(loop, 10ms, 2, woken));
    Spawn(SleepAndNote(loop, 0ms, 0, woken));
  });
  loop.Sleep(40ms).Wait();
  loop.RunOnLoop([&] { EXPECT_EQ(woken, (std::vector<int>{0, 1, 2, 3})); });
}

TEST(EventLoopTest, DoesNotWakeEarly) {
  EventLoop loop("test");
  for (int i = 0; i < 20; ++i) {
    const auto before = std::chrono::steady_clock::now();
    loop.Sleep(1500us).Wait();
    EXPECT_GE(std::chrono::steady_clock::now() - before, 1500us);
  }
}

TEST(EventLoopTest, StopRunsWhatIsPostedWithWhatThatPosts) {
  EventLoop loop("test");
  std::atomic<int> ran = 0;
  loop.Post([&] {
    ++ran;
    loop.Post([&] {
      ++ran;
      loop.Post([&] { ++ran; });
    });
  });
  loop.Stop();
  EXPECT_EQ(ran, 3);
  loop.Post([&] { ++ran; });
  EXPECT_EQ(ran, 3);
  loop.Stop();  // again is harmless
}

TEST(EventLoopTest, StopDropsSleepersWithoutResumingThem) {
  std::vector<int> woken;
  Task<void> task;
  {
    EventLoop loop("test");
    task = SleepAndNote(loop, 1h, 1, woken);
    loop.RunOnLoop([&] { task.Start(); });
  }
  EXPECT_FALSE(task.done());
  EXPECT_TRUE(woken.empty());
}

TEST(EventLoopTest, ASleepThatNobodyWaitsForAnyMoreIsForgotten) {
  EventLoop loop("test");
  std::vector<int> woken;
  loop.RunOnLoop([&] {
    Task<void> task = SleepAndNote(loop, 1ms, 1, woken);
    task.Start();
  });  // destroyed midway
  loop.Sleep(5ms).Wait();
  EXPECT_TRUE(woken.empty());
}

}  // namespace
}  // namespace epigrid
