#include "common/service/fold_gate.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/fakes/wait_until.h"

namespace epigrid {
namespace {

// The gate on a loop of its own, before folds that the test plays.
class FoldGateTest : public testing::Test {
 protected:
  static constexpr Shard kMoves = 0;
  static constexpr Shard kStands = 1;

  FoldGateTest() {
    loop_.RunOnLoop([this] {
      running_ = gate_.Run();
      running_.Start();
    });
  }
  ~FoldGateTest() override {
    loop_.RunOnLoop([this] {
      EndAll(Unavailable("SHUTTING_DOWN", "the test is over"));
      gate_.Close();
      running_ = {};
    });
  }

  // Appends `events` to the shard, which are not folded yet; "" if it may, otherwise why not.
  std::string Append(WorkClass work, Shard shard, size_t events = 1) {
    return epigrid::Run(AppendTask(work, shard, events)).Wait().reason();
  }
  Task<Status> AppendTask(WorkClass work, Shard shard, size_t events) {
    EPIGRID_CO_ASSIGN_OR_RETURN(
        FoldGate::Place place,
        co_await gate_.Enter(work, FoldGate::Kind::kObserved, std::vector<Shard>(events, shard)));
    gate_.AwaitFolded(std::move(place), std::vector<ShardPosition>{{shard, kNeverApplied}});
    co_return OkStatus();
  }
  void FoldAll() {
    loop_.RunOnLoop([this] { EndAll(OkStatus()); });
  }
  bool Shows(const std::string& line) const {
    return metrics_.Text().find("epigrid_test_" + line + "\n") != std::string::npos;
  }

 private:
  static constexpr Offset kNeverApplied = 1'000'000'000;

  Offset Applied(Shard shard) { return shard == kMoves ? ++applied_ : 7; }
  Future<Status> WaitFor() { return waiters_.emplace_back().future(); }
  void EndAll(const Status& status) {
    for (Promise<Status>& waiter : std::exchange(waiters_, {})) waiter.Set(status);
  }

  SystemClock clock_;
  Metrics metrics_;
  EventLoop loop_{"test"};
  Offset applied_ = 0;
  std::vector<Promise<Status>> waiters_;  // the loop's
  FoldGate gate_{"test",
                 loop_,
                 {.shard_count = 2,
                  .applied = [this](Shard shard) { return Applied(shard); },
                  .wait_for = [this](std::vector<ShardPosition>, Time) { return WaitFor(); }},
                 clock_,
                 metrics_};
  Task<void> running_;
};

// The limit begins at 512, and rises by some twenty while somebody is held back for 100 ms.
TEST_F(FoldGateTest, ImportsAreHeldBackFirstThenResidentsAndNeverTests) {
  EXPECT_EQ(Append(WorkClass::kBulk, kMoves, 600), "");
  EXPECT_EQ(Append(WorkClass::kBulk, kMoves), "FOLD_BUSY");
  EXPECT_EQ(Append(WorkClass::kInteractive, kMoves, 600), "");
  EXPECT_EQ(Append(WorkClass::kInteractive, kMoves), "FOLD_BUSY");
  EXPECT_EQ(Append(WorkClass::kCritical, kMoves), "");
  WaitUntil([&] { return Shows("unfolded_events{work=\"bulk\"} 600"); });
  EXPECT_TRUE(Shows("refused_fold_busy_total{work=\"bulk\"} 1"));
  EXPECT_TRUE(Shows("refused_fold_busy_total{work=\"interactive\"} 1"));
  EXPECT_TRUE(Shows("refused_fold_busy_total{work=\"critical\"} 0"));
  FoldAll();
  EXPECT_EQ(Append(WorkClass::kBulk, kMoves), "");
}

TEST_F(FoldGateTest, WhoWaitsGetsThePlaceOfWhatIsFolded) {
  EXPECT_EQ(Append(WorkClass::kBulk, kMoves, 600), "");
  Future<Status> waits = epigrid::Run(AppendTask(WorkClass::kBulk, kMoves, 1));
  FoldAll();
  EXPECT_EQ(std::move(waits).Wait().reason(), "");
}

TEST_F(FoldGateTest, WhatGoesToAShardThatStandsStillTakesNoPlace) {
  EXPECT_EQ(Append(WorkClass::kInteractive, kStands), "");
  WaitUntil([&] { return Shows("standing_shards 1"); });
  FoldAll();  // nothing is: the time that places are kept is over
  WaitUntil([&] { return Shows("unfolded_events{work=\"interactive\"} 0"); });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Append(WorkClass::kInteractive, kStands, 1000), "");
    EXPECT_EQ(Append(WorkClass::kBulk, kStands, 1000), "");
  }
  EXPECT_EQ(Append(WorkClass::kBulk, kMoves, 200), "");  // the others are not hurt
  WaitUntil([&] { return Shows("unfolded_events{work=\"bulk\"} 200"); });
  EXPECT_TRUE(Shows("standing_shards 1"));
}

}  // namespace
}  // namespace epigrid
