// Part of event_log_contract.h: what a Consumer and Read promise.
#pragma once

#include "tests/component/event_log_contract.h"

namespace epigrid {

TEST_P(EventLogContract, AConsumerSeesEachRecordOnceAndInOrder) {
  const auto producer = log_->NewProducer();
  const auto consumer = log_->NewConsumer();
  for (Shard shard = 0; shard < kShards; ++shard) consumer->Assign({"test.inbox", shard}, 0);
  std::vector<Future<Result<Offsets>>> futures;
  for (uint32_t i = 0; i < 4'000; ++i) {
    futures.push_back(producer->Append(To({"test.inbox", i % kShards}, {std::to_string(i)})));
  }
  const auto read = PollFor(*consumer, 4'000);
  ASSERT_TRUE(poll_error_.ok()) << poll_error_.ToString();
  for (Shard shard = 0; shard < kShards; ++shard) {
    const std::vector<LogRecord>& records = read.at({"test.inbox", shard});
    ASSERT_EQ(records.size(), 4'000u / kShards);
    for (size_t i = 0; i < records.size(); ++i) {
      EXPECT_EQ(records[i].value, std::to_string(i * kShards + shard));
      if (i > 0) {
        EXPECT_LT(records[i - 1].offset, records[i].offset);
      }
    }
  }
  for (auto& future : futures) ASSERT_TRUE(Get(std::move(future)).ok());
  EXPECT_TRUE(Get(consumer->Poll(Duration::zero()))->empty());
}

TEST_P(EventLogContract, AConsumerBeginsAfterTheOffsetItIsAssignedAt) {
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppend(*producer, To(kInbox0, {"a", "b", "c"}));
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, offsets[0]);
  EXPECT_THAT(Values(PollFor(*consumer, 2)[kInbox0]), testing::ElementsAre("b", "c"));
  consumer->Assign(kInbox0, 0);  // anew
  EXPECT_THAT(Values(PollFor(*consumer, 3)[kInbox0]), testing::ElementsAre("a", "b", "c"));
}

TEST_P(EventLogContract, AnEmptyPollEndsAfterItsWait) {
  const auto consumer = log_->NewConsumer();
  EXPECT_TRUE(Get(consumer->Poll(std::chrono::milliseconds(10)))->empty());
  consumer->Assign(kInbox0, 0);
  EXPECT_TRUE(Get(consumer->Poll(std::chrono::milliseconds(10)))->empty());
  EXPECT_TRUE(Get(consumer->Poll(Duration::zero()))->empty());
}

TEST_P(EventLogContract, APollUnderWayHearsOfANewRecord) {
  const auto producer = log_->NewProducer();
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, 0);
  auto poll = consumer->Poll(std::chrono::seconds(30));
  MustAppend(*producer, To(kInbox0, {"a"}));
  EXPECT_THAT(Values(Get(std::move(poll))->at(0).records), testing::ElementsAre("a"));
}

TEST_P(EventLogContract, APollUnderWayHeedsANewAssignment) {
  const auto producer = log_->NewProducer();
  MustAppend(*producer, To(kInbox1, {"b"}));
  const auto consumer = log_->NewConsumer();
  auto from_nothing = consumer->Poll(std::chrono::seconds(30));
  consumer->Assign(kInbox1, 0);
  EXPECT_THAT(Values(Get(std::move(from_nothing))->at(0).records), testing::ElementsAre("b"));
  auto beside_another = consumer->Poll(std::chrono::seconds(30));
  MustAppend(*producer, To(kPublic0, {"p"}));
  consumer->Assign(kPublic0, 0);
  EXPECT_THAT(Values(Get(std::move(beside_another))->at(0).records), testing::ElementsAre("p"));
}

TEST_P(EventLogContract, AnUnassignedShardIsNotRead) {
  const auto producer = log_->NewProducer();
  MustAppend(*producer, ToBoth("a"));
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, 0);
  consumer->Assign(kInbox1, 0);
  consumer->Unassign(kInbox0);
  EXPECT_FALSE(PollFor(*consumer, 1).contains(kInbox0));
  EXPECT_TRUE(Get(consumer->Poll(Duration::zero()))->empty());
}

TEST_P(EventLogContract, APausedShardStaysWhereItIs) {
  const auto producer = log_->NewProducer();
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, 0);
  consumer->Assign(kInbox1, 0);
  MustAppend(*producer, To(kInbox0, {"a"}));
  EXPECT_THAT(Values(PollFor(*consumer, 1)[kInbox0]), testing::ElementsAre("a"));
  consumer->SetPaused(kInbox0, true);
  MustAppend(*producer, ToBoth("b"));
  EXPECT_FALSE(PollFor(*consumer, 1).contains(kInbox0));
  EXPECT_TRUE(Get(consumer->Poll(Duration::zero()))->empty());
  auto poll = consumer->Poll(std::chrono::seconds(30));
  consumer->SetPaused(kInbox0, false);
  EXPECT_THAT(Values(Get(std::move(poll))->at(0).records), testing::ElementsAre("b"));
}

TEST_P(EventLogContract, ConsumersReadIndependently) {
  const auto producer = log_->NewProducer();
  MustAppend(*producer, To(kInbox0, {"a", "b"}));
  const auto other_log = NewOpenLog();
  const std::unique_ptr<Consumer> consumers[] = {log_->NewConsumer(), log_->NewConsumer(),
                                                 other_log->NewConsumer()};
  for (const auto& consumer : consumers) {
    consumer->Assign(kInbox0, 0);
    EXPECT_THAT(Values(PollFor(*consumer, 2)[kInbox0]), testing::ElementsAre("a", "b"));
  }
}

TEST_P(EventLogContract, AConsumerMayGoWithAPollUnderWay) {
  auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, 0);
  auto poll = consumer->Poll(std::chrono::milliseconds(50));
  consumer.reset();
  EXPECT_TRUE(Get(std::move(poll)).ok());
}

TEST_P(EventLogContract, LargeRecordsAreReadWhole) {
  EPIGRID_REQUIRE_FAULT(storage_->KeepsMuch());
  const auto producer = log_->NewProducer();
  const std::string large(kRecordBytesMax / 4, 'x');
  for (int i = 0; i < 16; ++i) MustAppend(*producer, To(kInbox0, {large, large, large, large}));
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, 0);
  const auto read = PollFor(*consumer, 64);
  ASSERT_TRUE(poll_error_.ok()) << poll_error_.ToString();
  EXPECT_THAT(Values(read.at(kInbox0)), testing::Each(large));
}

TEST_P(EventLogContract, AReadAnswersNoMoreThanItsBytes) {
  EPIGRID_REQUIRE_FAULT(storage_->KeepsMuch());
  const auto producer = log_->NewProducer();
  const std::string large(kRecordBytesMax / 4, 'x');
  for (int i = 0; i < 8; ++i) MustAppend(*producer, To(kInbox0, {large, large, "small"}));
  const auto read = Get(log_->Read(kInbox0, 0, 1'000));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  size_t bytes = 0;
  for (const LogRecord& record : *read) bytes += BytesOf(record);
  EXPECT_GE(bytes, kReadBytesMax);
  EXPECT_LT(bytes - BytesOf(read->back()), kReadBytesMax);
  EXPECT_EQ(Stored(kInbox0).size(), 24u);
}

TEST_P(EventLogContract, TheNewestRecordsAreReadOldestFirst) {
  EPIGRID_REQUIRE_FAULT(storage_->KeepsMuch());
  EXPECT_THAT(*Get(log_->ReadNewest(kInbox0, 10)), testing::IsEmpty());
  const auto producer = log_->NewProducer();
  std::vector<std::string> all;
  for (int i = 0; i < 30; ++i) {
    std::vector<std::string> values;
    for (int j = 0; j <= i % 5; ++j) values.push_back(std::to_string(i) + "." + std::to_string(j));
    MustAppend(*producer, To(kInbox0, values));
    all.insert(all.end(), values.begin(), values.end());
  }
  for (const size_t limit :
       {size_t{1}, size_t{2}, size_t{17}, size_t{64}, all.size(), size_t{500}}) {
    const size_t count = std::min(limit, all.size());
    const std::vector<std::string> newest(all.end() - static_cast<std::ptrdiff_t>(count),
                                          all.end());
    EXPECT_EQ(Values(*Get(log_->ReadNewest(kInbox0, limit))), newest) << limit;
  }
  const std::string large(kRecordBytesMax / 2, 'x');
  for (int i = 0; i < 12; ++i) MustAppend(*producer, To(kInbox0, {large}));
  const std::vector<std::string> newest = Values(*Get(log_->ReadNewest(kInbox0, 100)));
  EXPECT_EQ(newest.size(), kReadBytesMax / large.size());
  EXPECT_THAT(newest, testing::Each(large));
}

TEST_P(EventLogContract, OffsetsMayHaveGaps) {
  const auto producer = log_->NewProducer();
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, 0);
  EPIGRID_REQUIRE_FAULT(storage_->SkipTo(kInbox0, 100));
  const Offset first = MustAppend(*producer, To(kInbox0, {"a"})).at(0);
  EXPECT_GT(first, 100u);
  EXPECT_THAT(Values(PollFor(*consumer, 1)[kInbox0]), testing::ElementsAre("a"));
  ASSERT_TRUE(storage_->SkipTo(kInbox0, first + 100'000));
  EXPECT_GT(MustAppend(*producer, To(kInbox0, {"b"})).at(0), first + 100'000);
  EXPECT_THAT(Values(PollFor(*consumer, 1)[kInbox0]), testing::ElementsAre("b"));
  EXPECT_TRUE(poll_error_.ok()) << poll_error_.ToString();
  EXPECT_THAT(Values(*Get(log_->Read(kInbox0, first + 50'000, 10))), testing::ElementsAre("b"));
}

TEST_P(EventLogContract, AShardWhoseStartMovedPastTheReaderStopsLoudly) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppendEach(*producer, To(kInbox0, {"a", "b", "c", "d"}));
  MustAppend(*producer, To(kInbox1, {"other"}));
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[2])).ok());
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, offsets[0]);  // "b" is gone
  consumer->Assign(kInbox1, 0);
  const auto before_error = PollFor(*consumer, 10);
  EXPECT_EQ(poll_error_.code(), Code::kOutOfRange);
  EXPECT_EQ(poll_error_.reason(), "LOG_START_MOVED");
  EXPECT_EQ(poll_error_.metadata().at("topic"), kInbox0.topic);
  EXPECT_EQ(poll_error_.metadata().at("shard"), "0");
  if (!before_error.contains(kInbox1)) {  // the others go on
    EXPECT_THAT(Values(PollFor(*consumer, 1)[kInbox1]), testing::ElementsAre("other"));
  }
  consumer->Assign(kInbox0, offsets[1]);  // "c" is the next one, and still there
  EXPECT_THAT(Values(PollFor(*consumer, 2)[kInbox0]), testing::ElementsAre("c", "d"));
  EXPECT_TRUE(poll_error_.ok()) << poll_error_.ToString();
}

// Also to a reader that pauses after each error while the others come: of each it is told once.
TEST_P(EventLogContract, EveryShardWhoseStartMovedIsTold) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  const auto consumer = log_->NewConsumer();
  std::set<std::string> told, cut;
  for (Shard shard = 0; shard < 6; ++shard) {
    const TopicShard inbox{kInbox0.topic, shard};
    const Offsets offsets = MustAppendEach(*producer, To(inbox, {"a", "b"}));
    ASSERT_TRUE(Get(log_->Cut(inbox, offsets[1])).ok());
    consumer->Assign(inbox, 0);
    cut.insert(std::to_string(shard));
  }
  while (told.size() < cut.size()) {
    (void)PollFor(*consumer, 1);
    ASSERT_EQ(poll_error_.reason(), "LOG_START_MOVED") << poll_error_.ToString();
    EXPECT_TRUE(told.insert(poll_error_.metadata().at("shard")).second);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(told, cut);
}

TEST_P(EventLogContract, AStartThatOvertakesASlowReaderStopsItToo) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, 0);
  MustAppend(*producer, To(kInbox0, {"a"}));
  EXPECT_EQ(PollFor(*consumer, 1)[kInbox0].size(), 1u);
  const Offsets offsets = MustAppendEach(*producer, To(kInbox0, {"b", "c", "d"}));
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[1])).ok());
  const std::vector<LogRecord> rest = PollFor(*consumer, 3)[kInbox0];
  if (poll_error_.ok()) {  // it had read ahead
    EXPECT_THAT(Values(rest), testing::ElementsAre("b", "c", "d"));
  } else {
    EXPECT_EQ(poll_error_.reason(), "LOG_START_MOVED");
    EXPECT_THAT(rest, testing::IsEmpty());
  }
}

TEST_P(EventLogContract, AnEmptiedShardWhoseStartMovedStopsItsReader) {
  EPIGRID_REQUIRE_FAULT(storage_->CanCut());
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppendEach(*producer, To(kInbox0, {"a", "b"}));
  ASSERT_TRUE(Get(log_->Cut(kInbox0, offsets[1] + 1)).ok());
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, offsets[0]);
  PollFor(*consumer, 10);
  EXPECT_EQ(poll_error_.reason(), "LOG_START_MOVED");
  consumer->Assign(kInbox0, offsets[1]);
  EXPECT_TRUE(Get(consumer->Poll(Duration::zero())).ok());
  EXPECT_EQ(*Get(log_->End(kInbox0)), offsets[1]) << "what is trimmed still counts for the end";
}

TEST_P(EventLogContract, AReaderAheadOfALogThatLostItsTailStopsLoudly) {
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppendEach(*producer, To(kInbox0, {"a", "b", "c"}));
  EPIGRID_REQUIRE_FAULT(storage_->LoseTail(kInbox0, offsets[0]));
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, offsets[2]);
  PollFor(*consumer, 10);
  EXPECT_EQ(poll_error_.code(), Code::kDataLoss);
  EXPECT_EQ(poll_error_.reason(), "LOG_CUT_SHORT");
}

TEST_P(EventLogContract, AReaderMayBeginBetweenRecordsThatWereAppendedTogether) {
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppend(*producer, To(kInbox0, {"a", "b", "c", "d"}));
  const auto consumer = log_->NewConsumer();
  consumer->Assign(kInbox0, offsets[1]);
  const std::vector<LogRecord> rest = PollFor(*consumer, 2)[kInbox0];
  EXPECT_THAT(Values(rest), testing::ElementsAre("c", "d"));
  EXPECT_EQ(rest.at(0).offset, offsets[2]);
  EXPECT_THAT(Values(*Get(log_->Read(kInbox0, offsets[2], 10))), testing::ElementsAre("d"));
}

TEST_P(EventLogContract, ReadGivesAtMostItsLimit) {
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppend(*producer, To(kInbox0, {"a", "b", "c"}));
  EXPECT_THAT(Values(*Get(log_->Read(kInbox0, 0, 2))), testing::ElementsAre("a", "b"));
  EXPECT_THAT(Values(*Get(log_->Read(kInbox0, offsets[1], 2))), testing::ElementsAre("c"));
  EXPECT_TRUE(Get(log_->Read(kInbox0, offsets[2], 2))->empty());
  EXPECT_TRUE(Get(log_->Read(kInbox1, 0, 2))->empty());
}

}  // namespace epigrid
