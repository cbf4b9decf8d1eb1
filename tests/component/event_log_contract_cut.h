// Part of event_log_contract.h: the start of a shard, and what moves it.
#pragma once

#include "tests/component/event_log_contract.h"

namespace epigrid {

TEST_P(EventLogContract, AShardThatWasNeverCutStartsAtZero) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  MustAppend(*producer, To(kInbox0, {"a"}));
  EXPECT_THAT(*Get(log_->Starts({kInbox0, kInbox1})), testing::ElementsAre(0u, 0u));
  EXPECT_TRUE(Get(log_->Starts({}))->empty());
  ASSERT_TRUE(Get(log_->Cut(kInbox1, 5)).ok()) << "there is nothing to cut";
  ASSERT_TRUE(Get(log_->Cut(kInbox0, 0)).ok());
  EXPECT_THAT(StoredValues(kInbox0), testing::ElementsAre("a"));
}

TEST_P(EventLogContract, ACutTakesAwayWhatIsBelowAndNothingElse) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppendEach(*producer, To(kInbox0, {"a", "b", "c", "d"}));
  MustAppend(*producer, To(kInbox1, {"other"}));
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[2])).ok());
  const Offset start = Get(log_->Starts({kInbox0}))->front();
  EXPECT_GE(start, offsets[1]);
  EXPECT_LT(start, offsets[2]);
  EXPECT_THAT(Values(*Get(log_->Read(kInbox0, start, 10))), testing::ElementsAre("c", "d"));
  EXPECT_THAT(Values(*Get(log_->ReadNewest(kInbox0, 10))), testing::ElementsAre("c", "d"));
  EXPECT_EQ(*Get(log_->End(kInbox0)), offsets[3]);
  EXPECT_THAT(StoredValues(kInbox1), testing::ElementsAre("other"));
  EXPECT_THAT(*Get(log_->Starts({kInbox1})), testing::ElementsAre(0u));
}

TEST_P(EventLogContract, AReadFromBelowTheStartIsRefused) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppendEach(*producer, To(kInbox0, {"a", "b", "c"}));
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[2])).ok());
  const auto read = Get(log_->Read(kInbox0, offsets[0], 10));
  EXPECT_EQ(read.status().code(), Code::kOutOfRange);
  EXPECT_EQ(read.status().reason(), "LOG_START_MOVED");
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[2] + 1)).ok());
  EXPECT_EQ(Get(log_->Read(kInbox0, offsets[1], 10)).status().reason(), "LOG_START_MOVED");
  EXPECT_TRUE(Get(log_->Read(kInbox0, offsets[2], 10))->empty());
}

TEST_P(EventLogContract, ACutTwiceOrLowerChangesNothing) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppendEach(*producer, To(kInbox0, {"a", "b", "c"}));
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[1])).ok());
  const Offset start = Get(log_->Starts({kInbox0}))->front();
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[1])).ok());
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[0])).ok());
  EXPECT_EQ(Get(log_->Starts({kInbox0}))->front(), start);
  EXPECT_THAT(Values(*Get(log_->Read(kInbox0, start, 10))), testing::ElementsAre("b", "c"));
}

TEST_P(EventLogContract, ACutBeyondTheEndEmptiesTheShardWhoseOffsetsGoOn) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  const Offset last = MustAppendEach(*producer, To(kInbox0, {"a", "b"})).back();
  ASSERT_TRUE(Get(log_->Cut(kInbox0, last + 100'000)).ok());
  EXPECT_EQ(*Get(log_->End(kInbox0)), last);
  EXPECT_GE(Get(log_->Starts({kInbox0}))->front(), last);
  EXPECT_TRUE(Get(log_->ReadNewest(kInbox0, 10))->empty());
  const Offset next = MustAppend(*producer, To(kInbox0, {"c"})).at(0);
  EXPECT_GT(next, last);
  EXPECT_LT(Get(log_->Starts({kInbox0}))->front(), next);
  EXPECT_THAT(Values(*Get(log_->Read(kInbox0, last, 10))), testing::ElementsAre("c"));
}

TEST_P(EventLogContract, ACutBetweenRecordsAppendedTogetherKeepsAllFromThereOn) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  MustAppend(*producer, To(kInbox0, {"before"}));
  const Offsets offsets = MustAppend(*producer, To(kInbox0, {"a", "b", "c", "d"}));
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[2])).ok());
  const Offset start = Get(log_->Starts({kInbox0}))->front();
  EXPECT_LT(start, offsets[2]);
  const std::vector<std::string> left = Values(*Get(log_->Read(kInbox0, offsets[1], 10)));
  EXPECT_THAT(left, testing::ElementsAre("c", "d"));
}

TEST_P(EventLogContract, ALongShardIsCutInPartsThatHoldNobodyUp) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  std::vector<Future<Result<Offsets>>> futures;
  for (int i = 0; i < 12; ++i) {
    futures.push_back(producer->Append(To(kInbox0, std::vector<std::string>(5'000, "value"))));
  }
  Offset last = 0;
  for (auto& future : futures) last = Get(std::move(future))->back();
  ASSERT_TRUE(Get(log_->Cut(kInbox0, last)).ok());
  const Offset start = Get(log_->Starts({kInbox0}))->front();
  EXPECT_LT(start, last);
  EXPECT_LE(Get(log_->Read(kInbox0, start, 10'000))->size(), 5'000u);
}

TEST_P(EventLogContract, StartsOutliveTheStoragesDeath) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppendEach(*producer, To(kInbox0, {"a", "b", "c"}));
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[2])).ok());
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[2] + 1)).ok());
  const Offset start = Get(log_->Starts({kInbox0}))->front();
  EPIGRID_REQUIRE_FAULT(storage_->CrashAndRestart());
  AwaitReachable();
  const Offset after = Get(log_->Starts({kInbox0}))->front();
  if (storage_->CutsAreDurable()) {
    EXPECT_EQ(after, start);
  } else {
    EXPECT_LE(after, start);
    ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[2] + 1)).ok());
    EXPECT_EQ(Get(log_->Starts({kInbox0}))->front(), start);
  }
  EXPECT_EQ(*Get(log_->End(kInbox0)), offsets[2]);
}

}  // namespace epigrid
