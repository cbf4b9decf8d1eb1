#include "common/base/task.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace epigrid {
namespace {

// Counts those that live, to see that frames are freed.
struct Tracked {
  explicit Tracked(int& count) : alive(count) { ++alive; }
  Tracked(const Tracked& other) : alive(other.alive) { ++alive; }
  ~Tracked() { --alive; }
  int& alive;
};

Task<int> AddOne(Future<int> input) { co_return co_await input + 1; }

Task<int> AddTwo(Future<int> input) { co_return co_await AddOne(std::move(input)) + 1; }

TEST(TaskTest, DoesNotBeginUntilItIsStarted) {
  bool begun = false;
  auto body = [](bool& flag) -> Task<void> {
    flag = true;
    co_return;
  };
  Task<void> task = body(begun);
  EXPECT_FALSE(begun);
  task.Start();
  EXPECT_TRUE(begun);
  EXPECT_TRUE(task.done());
}

TEST(TaskTest, GoesOnAtOnceWithAValueThatIsReady) {
  EXPECT_EQ(epigrid::Run(AddTwo(Ready(40))).Wait(), 42);
}

TEST(TaskTest, SuspendsUntilThePromiseIsSetAndResumesBeforeSetReturns) {
  Promise<int> promise;
  Future<int> result = epigrid::Run(AddTwo(promise.future()));
  EXPECT_FALSE(result.ready());
  promise.Set(1);
  ASSERT_TRUE(result.ready());
  EXPECT_EQ(std::move(result).Wait(), 3);
}

Task<void> Hold(int& alive, Future<Done> until, bool& passed) {
  Tracked tracked(alive);
  co_await until;
  passed = true;
}

Task<void> HoldTwice(int& alive, Future<Done> until, bool& passed) {
  Tracked tracked(alive);
  co_await Hold(alive, std::move(until), passed);
}

TEST(TaskTest, DestroyedMidwayItFreesItsFrameAndThoseItAwaits) {
  int alive = 0;
  bool passed = false;
  Promise<Done> promise;
  {
    Task<void> task = HoldTwice(alive, promise.future(), passed);
    task.Start();
    EXPECT_EQ(alive, 2);
    EXPECT_FALSE(task.done());
  }
  EXPECT_EQ(alive, 0);
  promise.Set(Done{});  // nobody is there to be resumed
  EXPECT_FALSE(passed);
}

TEST(TaskTest, AssigningOverASuspendedTaskDestroysIt) {
  int alive = 0;
  bool passed = false;
  Promise<Done> promise;
  Task<void> task = HoldTwice(alive, promise.future(), passed);
  task.Start();
  task = Task<void>();
  EXPECT_EQ(alive, 0);
}

TEST(TaskTest, SpawnedItRunsToItsEndByItself) {
  int alive = 0;
  bool passed = false;
  Promise<Done> promise;
  Spawn(HoldTwice(alive, promise.future(), passed));
  EXPECT_EQ(alive, 2);
  promise.Set(Done{});
  EXPECT_TRUE(passed);
  EXPECT_EQ(alive, 0);
}

Task<std::string> Join(Future<std::string> a, Future<std::string> b) {
  std::string first = co_await a;
  co_return first + co_await b;
}

TEST(TaskTest, AwaitsWhatIsUnderWayInAnyOrder) {
  Promise<std::string> a;
  Promise<std::string> b;
  Future<std::string> joined = epigrid::Run(Join(a.future(), b.future()));
  b.Set("b");
  EXPECT_FALSE(joined.ready());
  a.Set("a");
  EXPECT_EQ(std::move(joined).Wait(), "ab");
}

Task<int> SumOf(std::vector<Future<int>> numbers) {
  int sum = 0;
  for (Future<int>& number : numbers) sum += co_await number;
  co_return sum;
}

TEST(TaskTest, AValueSetByAnotherThreadReachesWhoeverWaits) {
  for (int round = 0; round < 500; ++round) {
    std::vector<Promise<int>> promises(8);
    std::vector<Future<int>> futures;
    for (const Promise<int>& promise : promises) futures.push_back(promise.future());
    std::thread setter([&] {
      for (const Promise<int>& promise : promises) promise.Set(1);
    });
    // Awaiting races with setting: suspended or not, each value arrives once.
    EXPECT_EQ(epigrid::Run(SumOf(std::move(futures))).Wait(), 8);
    setter.join();
  }
}

TEST(TaskTest, AFutureAbandonedBeforeTheValueCostsNothing) {
  Promise<std::string> promise;
  {
    Future<std::string> future = promise.future();
  }
  promise.Set("unheard");
}

using TaskDeathTest = testing::Test;

TEST(TaskDeathTest, APromiseIsSetOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Promise<int> promise;
  promise.Set(1);
  EXPECT_DEATH(promise.Set(2), "a Promise is set once");
}

}  // namespace
}  // namespace epigrid
