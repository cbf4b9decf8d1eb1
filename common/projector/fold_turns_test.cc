#include "common/projector/fold_turns.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <vector>

#include "common/base/event_loop.h"

namespace epigrid {
namespace {

constexpr size_t kMost = FoldTurns::kPiecesMax;

class FoldTurnsTest : public ::testing::Test {
 protected:
  ~FoldTurnsTest() override {
    loop_.RunOnLoop([this] { workers_.clear(); });
  }

  // Calls each that is not done `pieces` times in a row, of whoever began first.
  Task<void> Work(int number, size_t pieces, Duration each) {
    for (size_t i = 0; i < pieces; ++i) {
      if (!turns_.Take()) co_await turns_.Next();
      std::this_thread::sleep_for(each);
      done_.push_back(number);
      turn_of_.push_back(turn_);
    }
  }
  void Start(int number, size_t pieces, Duration each = Duration::zero()) {
    workers_.push_back(Work(number, pieces, each));
    workers_.back().Start();
  }
  // Until so many pieces are done; counts the loop's turns.
  void CountTurns(size_t pieces) {
    if (done_.size() == pieces) return ended_.Set(Done{});
    loop_.Post([this, pieces] {
      ++turn_;
      CountTurns(pieces);
    });
  }
  void Run(size_t pieces, const std::function<void()>& start) {
    loop_.RunOnLoop([&] {
      CountTurns(pieces);
      start();
    });
    ended_.future().Wait();
  }

  EventLoop loop_{"turns"};
  FoldTurns turns_{loop_};
  std::vector<Task<void>> workers_;
  Promise<Done> ended_;
  std::vector<int> done_;
  int turn_ = 0;
  std::vector<int> turn_of_;
};

TEST_F(FoldTurnsTest, OneTurnHoldsSoManyPiecesOfAllTogether) {
  Run(3 * kMost + 1, [this] {
    Start(1, kMost);
    EXPECT_EQ(done_.size(), kMost);
    Start(2, 2 * kMost);
    Start(3, 1);
    EXPECT_EQ(done_.size(), kMost);
  });
  // Who has waited goes on for a whole turn, and then the next in line does.
  EXPECT_EQ(std::vector<int>(done_.begin() + kMost, done_.begin() + 2 * kMost),
            std::vector<int>(kMost, 2));
  EXPECT_EQ(done_[2 * kMost], 3);
  EXPECT_LT(turn_of_[2 * kMost - 1], turn_of_[2 * kMost]);
}

TEST_F(FoldTurnsTest, SlowPiecesEndATurn) {
  Run(5, [this] { Start(1, 5, FoldTurns::kLongest); });
  for (size_t i = 1; i < 5; ++i) EXPECT_LT(turn_of_[i - 1], turn_of_[i]);
}

TEST_F(FoldTurnsTest, ATaskThatWaitedMayBeGone) {
  Run(kMost + 1, [this] {
    Start(1, kMost);
    Start(2, 1);
    workers_.pop_back();
    Start(3, 1);
  });
  EXPECT_EQ(done_.back(), 3);
}

}  // namespace
}  // namespace epigrid
