#include "common/projector/work_budget.h"

#include <gtest/gtest.h>

#include <vector>

#include "common/base/event_loop.h"

namespace epigrid {
namespace {

using Share = std::unique_ptr<WorkBudget::Share>;

class WorkBudgetTest : public ::testing::Test {
 protected:
  ~WorkBudgetTest() override {
    loop_.RunOnLoop([this] {
      waiting_.clear();
      shares_.clear();
    });
  }

  // Takes a share under this number, when there is room for it.
  void Take(int number, size_t events) {
    loop_.RunOnLoop([this, number, events] {
      waiting_.push_back(Hold(number, events));
      waiting_.back().Start();
    });
  }
  Task<void> Hold(int number, size_t events) {
    Share share = co_await budget_.Take(events);
    shares_[number] = std::move(share);
  }
  void GiveBack(int number) {
    loop_.RunOnLoop([this, number] { shares_.erase(number); });
  }
  // Whose turn it is, once what was posted has run.
  std::vector<int> Holders() {
    std::vector<int> holders;
    loop_.RunOnLoop([] {});
    loop_.RunOnLoop([&] {
      for (const auto& [number, share] : shares_) holders.push_back(number);
    });
    return holders;
  }

  EventLoop loop_{"budget"};
  WorkBudget budget_{loop_, 10};
  std::map<int, Share> shares_;
  std::vector<Task<void>> waiting_;
};

TEST_F(WorkBudgetTest, LetsPassWhatFits) {
  Take(1, 4);
  Take(2, 6);
  Take(3, 1);
  EXPECT_EQ(Holders(), (std::vector<int>{1, 2}));
  GiveBack(1);
  EXPECT_EQ(Holders(), (std::vector<int>{2, 3}));
}

TEST_F(WorkBudgetTest, NobodyOvertakesALargeOne) {
  Take(1, 4);
  Take(2, 100);
  Take(3, 1);
  EXPECT_EQ(Holders(), (std::vector<int>{1}));
  GiveBack(1);
  EXPECT_EQ(Holders(), (std::vector<int>{2}));
  GiveBack(2);
  EXPECT_EQ(Holders(), (std::vector<int>{3}));
}

TEST_F(WorkBudgetTest, WhoGivesUpWaitingMakesRoom) {
  Take(1, 4);
  Take(2, 100);
  Take(3, 1);
  loop_.RunOnLoop([this] { waiting_.erase(waiting_.begin() + 1); });
  EXPECT_EQ(Holders(), (std::vector<int>{1, 3}));
}

}  // namespace
}  // namespace epigrid
