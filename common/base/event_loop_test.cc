#include "common/base/event_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
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

TEST(EventLoopTest, WhatIsPutOffRunsInOrderBeforeTheLoopWaitsWithWhatItPutsOffInTurn) {
  EventLoop loop("test");
  std::vector<int> order;
  Promise<Done> ran;
  loop.Post([&] {
    loop.BeforeWait([&] {
      order.push_back(2);
      loop.BeforeWait([&] {
        order.push_back(4);
        ran.Set(Done{});
      });
    });
    loop.BeforeWait([&] { order.push_back(3); });
    order.push_back(1);
  });
  ran.future().Wait();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
}

// Waits on a condition variable, and has as many things to do as it is given.
class CountingGuest final : public LoopGuest {
 public:
  bool Poll() override {
    std::lock_guard lock(mutex_);
    if (given_ == done_) return false;
    ++done_;
    return true;
  }
  void Wait(Duration longest) override {
    std::unique_lock lock(mutex_);
    ++waits_;
    changed_.wait_for(lock, longest, [this] { return interrupted_ || given_ != done_; });
    interrupted_ = false;
  }
  void Interrupt() override {
    std::lock_guard lock(mutex_);
    interrupted_ = true;
    changed_.notify_all();
  }
  void Give(int count) {
    std::lock_guard lock(mutex_);
    given_ += count;
    changed_.notify_all();
  }
  int done() {
    std::lock_guard lock(mutex_);
    return done_;
  }
  int waits() {
    std::lock_guard lock(mutex_);
    return waits_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int given_ = 0;
  int done_ = 0;
  int waits_ = 0;
  bool interrupted_ = false;
};

template <typename Condition>
void AwaitThat(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

TEST(EventLoopTest, ServesItsGuestAndWhatIsPostedWhileTheGuestWaits) {
  EventLoop loop("test");
  CountingGuest guest;
  loop.SetGuest(&guest);
  AwaitThat([&] { return guest.waits() > 0; });
  for (int i = 0; i < 100; ++i) loop.RunOnLoop([] {});  // each ends a wait
  guest.Give(1000);
  AwaitThat([&] { return guest.done() == 1000; });
  loop.SetGuest(nullptr);
  guest.Give(1);
  loop.RunOnLoop([] {});
  EXPECT_EQ(guest.done(), 1000);
}

TEST(EventLoopTest, ASleepEndsInTimeWhileTheGuestWaits) {
  EventLoop loop("test");
  CountingGuest guest;
  loop.SetGuest(&guest);
  const auto begin = std::chrono::steady_clock::now();
  loop.Sleep(20ms).Wait();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
  loop.SetGuest(nullptr);
}

TEST(EventLoopTest, AGuestWithMuchToDoKeepsNobodyFromTheLoop) {
  EventLoop loop("test");
  CountingGuest guest;
  guest.Give(1'000'000'000);
  loop.SetGuest(&guest);
  loop.RunOnLoop([] {});
  loop.Sleep(1ms).Wait();
  loop.SetGuest(nullptr);
}

TEST(EventLoopTest, WhatThePostedPostsRunsWhileTheGuestWaits) {
  EventLoop loop("test");
  CountingGuest guest;
  loop.SetGuest(&guest);
  std::atomic<int> posted{0};
  std::function<void()> again = [&] {
    if (++posted < 100) loop.Post(again);
  };
  loop.Post(again);
  AwaitThat([&] { return posted == 100; });
  loop.SetGuest(nullptr);
}

}  // namespace
}  // namespace epigrid
