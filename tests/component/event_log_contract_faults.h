// Part of event_log_contract.h: what holds when the storage fails.
#pragma once

#include "tests/component/event_log_contract.h"

namespace epigrid {

TEST_P(EventLogContract, ARefusedRecordIsNeverFollowedByAnAcceptedOneOfTheSameProducer) {
  const auto producer = log_->NewProducer();
  const auto bystander = log_->NewProducer();
  MustAppend(*producer, To(kInbox0, {"before"}));
  EPIGRID_REQUIRE_FAULT(storage_->SetFull(true));
  std::vector<Future<Result<Offsets>>> futures;
  futures.push_back(producer->Append(ToBoth("refused")));
  futures.push_back(producer->Append(To(kInbox0, {"behind"})));
  const Answers answers = Await(std::move(futures));
  EXPECT_EQ(answers.acknowledged, 0u);
  EXPECT_TRUE(producer->broken());
  ASSERT_TRUE(storage_->SetFull(false));
  const auto later = Get(producer->Append(To(kInbox0, {"later"})));
  EXPECT_EQ(later.status().code(), Code::kUnavailable);
  EXPECT_EQ(later.status().reason(), "LOG_UNAVAILABLE");
  EXPECT_FALSE(bystander->broken());
  MustAppend(*bystander, To(kInbox0, {"by another"}));
  std::vector<std::string> wanted = {"before", "refused", "behind"};
  std::vector<std::string> values = StoredValues(kInbox0);
  EXPECT_EQ(std::erase(values, "by another"), 1u);
  EXPECT_LE(values.size(), 1 + answers.refused_from);
  wanted.resize(std::min(wanted.size(), values.size()));
  EXPECT_EQ(values, wanted);
  EXPECT_LE(Stored(kInbox1).size(), answers.refused_from);
}

// Fills up while a producer is at it, and has room again later: what a shard has is the beginning
// of what was sent to it, without a hole.
TEST_P(EventLogContract, WhatIsAcceptedBeforeAFailureHasNoHoles) {
  const auto producer = log_->NewProducer();
  std::vector<Future<Result<Offsets>>> futures;
  for (int i = 0; i < 20'000; ++i) futures.push_back(producer->Append(ToBoth(std::to_string(i))));
  EPIGRID_REQUIRE_FAULT(storage_->SetFull(true));
  for (int i = 20'000; i < 20'500; ++i) {
    futures.push_back(producer->Append(ToBoth(std::to_string(i))));
  }
  storage_->RunUntil([&] { return producer->broken(); });
  ASSERT_TRUE(storage_->SetFull(false));
  for (int i = 20'500; i < 21'000; ++i) {
    futures.push_back(producer->Append(ToBoth(std::to_string(i))));
  }
  ExpectPrefixes(Await(std::move(futures)));
}

TEST_P(EventLogContract, MetadataAndFloorsAreWrittenWhenTheLogIsFull) {
  EPIGRID_REQUIRE_FAULT(storage_->SetFull(true));
  EXPECT_TRUE(Get(log_->PutShardMetadata(kInbox0, "parked:7", "why")).ok());
  EXPECT_TRUE(Get(log_->RaiseFloors("group", {{kInbox0, 7}})).ok());
}

TEST_P(EventLogContract, AFlushThatIsNotAnsweredIsUnknownAndItsProducerBroken) {
  const auto producer = log_->NewProducer();
  MustAppend(*producer, To(kInbox0, {"before"}));
  EPIGRID_REQUIRE_FAULT(storage_->SetFrozen(true));
  const auto unknown = Get(producer->Append(ToBoth("unknown")));
  EXPECT_EQ(unknown.status().code(), Code::kUnavailable);
  EXPECT_EQ(unknown.status().reason(), "OUTCOME_UNKNOWN");
  EXPECT_TRUE(producer->broken());
  EXPECT_EQ(Get(producer->Append(ToBoth("later"))).status().reason(), "LOG_UNAVAILABLE");
  ASSERT_TRUE(storage_->SetFrozen(false));
  AwaitReachable();
  EXPECT_THAT(StoredValues(kInbox0), testing::AnyOf(testing::ElementsAre("before"),
                                                    testing::ElementsAre("before", "unknown")));
  EXPECT_THAT(StoredValues(kInbox1),
              testing::AnyOf(testing::IsEmpty(), testing::ElementsAre("unknown")));
}

// What the dead producer sent may land after its successor's first: of each shard's part a prefix,
// and nothing behind it. A receiver that ignores what is at or below its mark then sees all there
// is, without a gap.
TEST_P(EventLogContract, AZombiesRecordsLandInOrderAndWithoutAGap) {
  auto zombie = log_->NewProducer();
  EPIGRID_REQUIRE_FAULT(storage_->SetFrozen(true));
  std::vector<Future<Result<Offsets>>> futures;
  for (int i = 1; i <= 100; ++i) futures.push_back(zombie->Append(ToBoth(std::to_string(i))));
  for (auto& future : futures) EXPECT_FALSE(Get(std::move(future)).ok());
  zombie.reset();
  ASSERT_TRUE(storage_->SetFrozen(false));
  AwaitReachable();
  const auto successor = log_->NewProducer();
  for (int i = 1; i <= 100; ++i) MustAppend(*successor, ToBoth(std::to_string(i)));
  for (const TopicShard& shard : {kInbox0, kInbox1}) {
    int mark = 0;
    for (const std::string& value : StoredValues(shard)) {
      const int position = std::stoi(value);
      ASSERT_LE(position, mark + 1) << "a gap in shard " << shard.shard;
      mark = std::max(mark, position);
    }
    EXPECT_EQ(mark, 100);
  }
}

TEST_P(EventLogContract, AcknowledgedRecordsOutliveACrash) {
  const auto producer = log_->NewProducer();
  std::vector<std::string> acknowledged;
  for (int i = 0; i < 200; ++i) {
    acknowledged.push_back(std::to_string(i));
    MustAppend(*producer, ToBoth(acknowledged.back()));
  }
  ASSERT_TRUE(Get(log_->RaiseFloors("group", {{kInbox0, 100}})).ok());
  ASSERT_TRUE(Get(log_->PutShardMetadata(kInbox0, "field", "value")).ok());
  EPIGRID_REQUIRE_FAULT(storage_->CrashAndRestart());
  AwaitReachable();
  EXPECT_EQ(StoredValues(kInbox0), acknowledged);
  EXPECT_EQ(StoredValues(kInbox1), acknowledged);
  EXPECT_THAT(*Get(log_->Floors("group", {kInbox0})), testing::ElementsAre(100u));
  EXPECT_EQ(Get(log_->ShardMetadata(kInbox0))->at("field"), "value");
  const auto other = storage_->NewLog();
  EXPECT_EQ(Get(other->Open(Identity(kShards + 1))).status().reason(), "LOG_MISMATCH");
  const auto successor = log_->NewProducer();
  EXPECT_GT(MustAppend(*successor, To(kInbox0, {"after"})).at(0), Stored(kInbox0).at(199).offset);
}

TEST_P(EventLogContract, ACrashMidFlushLeavesEachShardAPrefix) {
  const auto producer = log_->NewProducer();
  std::vector<Future<Result<Offsets>>> futures;
  for (int i = 0; i < 20'000; ++i) futures.push_back(producer->Append(ToBoth(std::to_string(i))));
  ASSERT_TRUE(Get(std::move(futures.front())).ok());
  futures.erase(futures.begin());
  EPIGRID_REQUIRE_FAULT(storage_->CrashAndRestart());
  Answers answers = Await(std::move(futures));
  ++answers.acknowledged;
  ++answers.refused_from;
  AwaitReachable();
  ExpectPrefixes(answers);
}

TEST_P(EventLogContract, AConsumerResumesAfterACrashWhereItWas) {
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, 0);
  const auto producer = log_->NewProducer();
  MustAppend(*producer, To(kInbox0, {"a"}));
  EXPECT_EQ(PollFor(*consumer, 1)[kInbox0].size(), 1u);
  EPIGRID_REQUIRE_FAULT(storage_->CrashAndRestart());
  AwaitReachable();
  const auto successor = log_->NewProducer();
  MustAppend(*successor, To(kInbox0, {"b"}));
  std::vector<LogRecord> read;
  while (read.empty()) {
    read = PollFor(*consumer, 1)[kInbox0];
    if (!poll_error_.ok()) {
      ASSERT_EQ(poll_error_.reason(), "LOG_UNAVAILABLE") << poll_error_.ToString();
    }
  }
  EXPECT_THAT(Values(read), testing::ElementsAre("b"));
}

TEST_P(EventLogContract, AProducerThatGoesLeavesNobodyWaiting) {
  auto producer = log_->NewProducer();
  std::vector<Future<Result<Offsets>>> futures;
  for (int i = 0; i < 10'000; ++i) futures.push_back(producer->Append(ToBoth(std::to_string(i))));
  producer.reset();
  ExpectPrefixes(Await(std::move(futures)));
}

}  // namespace epigrid
