// The contract of View (common/projector/view.h) as tests that every implementation passes.
//
//   class RedisViewUnderTest final : public ViewUnderTest { ... };
//   INSTANTIATE_TEST_SUITE_P(Redis, ViewContract, testing::Values(&MakeRedisViewUnderTest));
//
// Include it in one source file of a test binary.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/projector/view.h"

namespace epigrid {

class ViewUnderTest {
 public:
  virtual ~ViewUnderTest() = default;
  virtual View& view() = 0;
  // Lets the implementation work until the condition holds; aborts if that takes unreasonably long.
  virtual void RunUntil(const std::function<bool()>& condition) = 0;
};

using ViewFactory = std::unique_ptr<ViewUnderTest> (*)();

class ViewContract : public testing::TestWithParam<ViewFactory> {
 protected:
  static constexpr Shard kShard = 7;
  static constexpr uint32_t kFold = 3;

  void SetUp() override { under_test_ = GetParam()(); }
  View& view() { return under_test_->view(); }

  template <typename T>
  T Get(Future<Result<T>> future) {
    under_test_->RunUntil([&] { return future.ready(); });
    Result<T> result = std::move(future).Wait();
    EPIGRID_CHECK(result.ok(), result.status().ToString());
    return std::move(result).value();
  }

  void Create(Generation generation) { Get(view().Create(kShard, generation, kFold)); }

  static GuardedBatch Batch(Offset prev, Offset next, std::vector<CellWrite> writes) {
    GuardedBatch batch;
    batch.generation = 1;
    batch.fold_version = kFold;
    batch.prev = prev;
    batch.next = next;
    batch.writes = std::move(writes);
    return batch;
  }
  Committed Commit(GuardedBatch batch) { return Get(view().Commit(kShard, std::move(batch))); }
  ViewRead Read(std::vector<CellRead> reads) {
    return Get(view().Read(kShard, 1, std::move(reads)));
  }
  std::optional<std::string> ReadString(const std::string& key) {
    return Read({{CellRead::Kind::kString, key, {}, {}}}).found[0].value;
  }

  using Write = CellWrite::Kind;
  static CellWrite Set(std::string key, std::string value) {
    return {Write::kSet, std::move(key), {}, std::move(value), {}};
  }
  static CellWrite SetMember(std::string key, std::string field, std::string value) {
    return {Write::kSetMember, std::move(key), std::move(field), std::move(value), {}};
  }
  static CellWrite SetTimer(std::string id, int64_t micros) {
    return {Write::kSetTimer, {}, std::move(id), {}, Time{micros}};
  }

  std::unique_ptr<ViewUnderTest> under_test_;
};

TEST_P(ViewContract, NothingIsThereBeforeItIsMade) {
  EXPECT_EQ(Get(view().Live(kShard)), std::nullopt);
  EXPECT_FALSE(Get(view().Open(kShard, 1)).has_value());
  EXPECT_FALSE(Get(view().SetLive(kShard, 1, 0)));
  EXPECT_FALSE(Commit(Batch(0, 1, {Set("a", "1")})).applied);
  Get(view().SetAttempt(kShard, 1, 0, 1));
  EXPECT_FALSE(Get(view().Open(kShard, 1)).has_value());
}

TEST_P(ViewContract, BatchIsAppliedOnlyAtItsOffset) {
  Create(1);
  EXPECT_TRUE(Commit(Batch(0, 5, {Set("a", "1")})).applied);
  EXPECT_FALSE(Commit(Batch(0, 6, {Set("a", "2")})).applied);
  EXPECT_FALSE(Commit(Batch(4, 6, {Set("a", "2")})).applied);
  EXPECT_FALSE(Commit(Batch(6, 7, {Set("a", "2")})).applied) << "ahead is not equal";
  EXPECT_EQ(ReadString("a"), "1");
  EXPECT_TRUE(Commit(Batch(5, 6, {Set("a", "2")})).applied);
  EXPECT_EQ(Read({}).applied, 6u);
}

TEST_P(ViewContract, ABatchThatIsMadeAgainIsAppliedOnce) {
  Create(1);
  GuardedBatch batch = Batch(0, 5, {Set("a", "1"), SetTimer("t", 7)});
  batch.digest = {1, 2};
  EXPECT_TRUE(Commit(batch).applied);
  GuardedBatch again = batch;
  again.writes = {Set("a", "never written")};
  const Committed committed = Commit(again);
  EXPECT_TRUE(committed.applied);
  EXPECT_EQ(committed.next_due, Time{7});
  EXPECT_EQ(ReadString("a"), "1");
  again.digest = {1, 3};
  EXPECT_FALSE(Commit(again).applied) << "another state at the same offset";
}

TEST_P(ViewContract, BatchOfAnotherFoldIsRefused) {
  Create(1);
  GuardedBatch batch = Batch(0, 1, {Set("a", "1")});
  batch.fold_version = kFold + 1;
  EXPECT_FALSE(Commit(batch).applied);
  EXPECT_EQ(ReadString("a"), std::nullopt);
}

TEST_P(ViewContract, KeepsWhatABatchSaysOfTheShard) {
  Create(1);
  GuardedBatch batch = Batch(0, 9, {SetTimer("t", 1'700'000'000'123'456)});
  batch.shard_time = Time{1'600'000'000'123'456};
  batch.quiet = 8;
  batch.digest = {0x0123456789abcdef, 0xfedcba9876543210};
  batch.marks = {{"a.inbox/3", {7, 2}}, {"b.fact.v1/63", {~0ull, 0}}};
  EXPECT_TRUE(Commit(batch).applied);
  batch = Batch(9, 10, {});
  batch.shard_time = Time{1'600'000'000'123'456};
  batch.quiet = 8;
  batch.digest = {0x0123456789abcdef, 0xfedcba9876543210};
  batch.marks = {{"a.inbox/3", {9, 0}}};
  EXPECT_TRUE(Commit(batch).applied);
  Get(view().SetAttempt(kShard, 1, 10, 4));
  Create(1);  // changes nothing

  const auto opened = Get(view().Open(kShard, 1));
  ASSERT_TRUE(opened.has_value());
  const ShardMeta& meta = opened->meta;
  EXPECT_EQ(meta.fold_version, kFold);
  EXPECT_EQ(meta.applied, 10u);
  EXPECT_EQ(meta.shard_time, batch.shard_time);
  EXPECT_EQ(meta.quiet, 8u);
  EXPECT_EQ(meta.digest, batch.digest);
  EXPECT_EQ(meta.attempt_offset, 10u);
  EXPECT_EQ(meta.attempt_count, 4u);
  EXPECT_EQ(meta.marks,
            (std::map<std::string, Mark>{{"a.inbox/3", {9, 0}}, {"b.fact.v1/63", {~0ull, 0}}}));
  EXPECT_EQ(opened->next_due, Time{1'700'000'000'123'456});
}

TEST_P(ViewContract, ReadsEveryShapeInTheOrderAsked) {
  Create(1);
  Commit(Batch(0, 1,
               {Set("s", std::string("\0\xff", 2)), SetMember("h", "x", "1"),
                SetMember("h", "y", ""), Set("empty", "")}));
  const ViewRead read = Read({{CellRead::Kind::kMember, "h", "x", {}},
                              {CellRead::Kind::kString, "none", {}, {}},
                              {CellRead::Kind::kMembers, "h", {}, {}},
                              {CellRead::Kind::kString, "s", {}, {}},
                              {CellRead::Kind::kMember, "h", "none", {}},
                              {CellRead::Kind::kMembers, "none", {}, {}},
                              {CellRead::Kind::kString, "empty", {}, {}}});
  EXPECT_EQ(read.applied, 1u);
  ASSERT_EQ(read.found.size(), 7u);
  EXPECT_EQ(read.found[0].value, "1");
  EXPECT_EQ(read.found[1].value, std::nullopt);
  EXPECT_EQ(read.found[2].members, (std::map<std::string, std::string>{{"x", "1"}, {"y", ""}}));
  EXPECT_EQ(read.found[3].value, std::string("\0\xff", 2));
  EXPECT_EQ(read.found[4].value, std::nullopt);
  EXPECT_TRUE(read.found[5].members.empty());
  EXPECT_EQ(read.found[6].value, "");
}

TEST_P(ViewContract, WritesOfOneBatchAreAppliedInOrder) {
  Create(1);
  Commit(Batch(0, 1, {SetMember("h", "x", "1"), Set("s", "1")}));
  Commit(Batch(1, 2,
               {{Write::kDelete, "h", {}, {}, {}},
                SetMember("h", "y", "2"),
                {Write::kDelete, "s", {}, {}, {}},
                SetMember("h", "z", "3"),
                {Write::kDeleteMember, "h", "z", {}, {}}}));
  EXPECT_EQ(Read({{CellRead::Kind::kMembers, "h", {}, {}}}).found[0].members,
            (std::map<std::string, std::string>{{"y", "2"}}));
  EXPECT_EQ(ReadString("s"), std::nullopt);
}

TEST_P(ViewContract, TakesThousandsOfReadsAndWritesAtOnce) {
  Create(1);
  std::vector<CellWrite> writes;
  std::vector<CellRead> reads;
  for (int i = 0; i < 5'000; ++i) {
    writes.push_back(Set("s" + std::to_string(i), std::to_string(i)));
    writes.push_back(SetMember("h" + std::to_string(i % 10), std::to_string(i), "v"));
    reads.push_back({CellRead::Kind::kString, "s" + std::to_string(i), {}, {}});
    reads.push_back({CellRead::Kind::kMember, "h" + std::to_string(i % 10), std::to_string(i), {}});
  }
  EXPECT_TRUE(Commit(Batch(0, 1, std::move(writes))).applied);
  const ViewRead read = Read(std::move(reads));
  for (int i = 0; i < 5'000; ++i) {
    ASSERT_EQ(read.found[static_cast<size_t>(2 * i)].value, std::to_string(i));
    ASSERT_EQ(read.found[static_cast<size_t>(2 * i + 1)].value, "v");
  }
}

TEST_P(ViewContract, TimersComeByDueTimeAndThenById) {
  Create(1);
  Committed committed = Commit(
      Batch(0, 1, {SetTimer("b", 20), SetTimer("a", 20), SetTimer("c", 10), SetTimer("late", 31)}));
  EXPECT_EQ(committed.next_due, Time{10});
  const CellRead due{CellRead::Kind::kTimers, {}, {}, Time{30}};
  EXPECT_EQ(Read({due}).found[0].timers,
            (std::vector<Timer>{{Time{10}, "c"}, {Time{20}, "a"}, {Time{20}, "b"}}));
  committed = Commit(Batch(1, 2, {{Write::kDeleteTimer, {}, "c", {}, {}}, SetTimer("a", 40)}));
  EXPECT_EQ(committed.next_due, Time{20});
  EXPECT_EQ(Read({due}).found[0].timers, (std::vector<Timer>{{Time{20}, "b"}}));
  committed = Commit(Batch(2, 3,
                           {{Write::kDeleteTimer, {}, "a", {}, {}},
                            {Write::kDeleteTimer, {}, "b", {}, {}},
                            {Write::kDeleteTimer, {}, "late", {}, {}}}));
  EXPECT_EQ(committed.next_due, std::nullopt);
}

TEST_P(ViewContract, ATickSeesSoManyTimersAndNoMore) {
  Create(1);
  std::vector<CellWrite> writes;
  for (size_t i = 0; i < kTimersPerTick + 1; ++i) {
    writes.push_back(SetTimer("t" + std::to_string(i), 10));
  }
  Commit(Batch(0, 1, std::move(writes)));
  EXPECT_EQ(Read({{CellRead::Kind::kTimers, {}, {}, Time{10}}}).found[0].timers.size(),
            kTimersPerTick);
}

TEST_P(ViewContract, GenerationsAreApart) {
  Create(1);
  Commit(Batch(0, 4, {Set("a", "1"), {Write::kAddToIndex, "i", "m", {}, {}}}));
  EXPECT_TRUE(Get(view().SetLive(kShard, 1, 4)));
  EXPECT_EQ(Get(view().Live(kShard)), 1u);
  EXPECT_EQ(Get(view().Live(kShard + 1)), std::nullopt);

  Create(2);
  EXPECT_FALSE(Get(view().SetLive(kShard, 2, 4))) << "not there yet";
  GuardedBatch batch = Batch(0, 4, {Set("a", "2")});
  batch.generation = 2;
  EXPECT_TRUE(Commit(batch).applied);
  EXPECT_EQ(ReadString("a"), "1");
  EXPECT_TRUE(Get(view().SetLive(kShard, 2, 4)));
  EXPECT_EQ(Get(view().Live(kShard)), 2u);

  Get(view().Drop({{kShard, 1}}));
  EXPECT_FALSE(Get(view().Open(kShard, 1)).has_value());
  EXPECT_EQ(ReadString("a"), std::nullopt);
  EXPECT_EQ(Get(view().Read(kShard, 2, {{CellRead::Kind::kString, "a", {}, {}}})).found[0].value,
            "2");
}

}  // namespace epigrid
