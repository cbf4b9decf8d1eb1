// Part of event_log_contract.h: what Append promises while the storage is well.
#pragma once

#include "tests/component/event_log_contract.h"

namespace epigrid {

TEST_P(EventLogContract, OffsetsOfAShardBeginAtOneAndRise) {
  const auto producer = log_->NewProducer();
  const Offsets first = MustAppend(*producer, To(kInbox0, {"a", "b", "c"}));
  const Offsets second = MustAppend(*producer, To(kInbox0, {"d"}));
  ASSERT_EQ(first.size(), 3u);
  EXPECT_GE(first[0], 1u);
  EXPECT_LT(first[0], first[1]);
  EXPECT_LT(first[1], first[2]);
  EXPECT_LT(first[2], second.at(0));
}

TEST_P(EventLogContract, ARecordIsReadAsItWasWritten) {
  const auto producer = log_->NewProducer();
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  const Offsets offsets = MustAppend(
      *producer, {{kInbox0, "person_1", bytes}, {kInbox0, "", ""}, {kInbox0, bytes, "v"}});
  const std::vector<LogRecord> records = Stored(kInbox0);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].key, "person_1");
  EXPECT_EQ(records[0].value, bytes);
  EXPECT_EQ(records[1].key, "");
  EXPECT_EQ(records[1].value, "");
  EXPECT_EQ(records[2].key, bytes);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(records[i].offset, offsets[i]);
}

TEST_P(EventLogContract, TheLogsClockStampsRecordsInOrder) {
  const auto producer = log_->NewProducer();
  MustAppend(*producer, To(kInbox0, {"a"}));
  MustAppend(*producer, To(kInbox0, {"b"}));
  const std::vector<LogRecord> records = Stored(kInbox0);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_TRUE(records[0].appended_at.is_set());
  EXPECT_LE(records[0].appended_at, records[1].appended_at);
}

TEST_P(EventLogContract, OneAppendReachesManyShardsInTheOrderGiven) {
  const auto producer = log_->NewProducer();
  const Offsets offsets = MustAppend(
      *producer,
      {{kInbox0, "", "a0"}, {kInbox1, "", "a1"}, {kPublic0, "", "p"}, {kInbox0, "", "b0"}});
  ASSERT_EQ(offsets.size(), 4u);
  EXPECT_LT(offsets[0], offsets[3]);
  EXPECT_THAT(StoredValues(kInbox0), testing::ElementsAre("a0", "b0"));
  EXPECT_THAT(StoredValues(kInbox1), testing::ElementsAre("a1"));
  EXPECT_THAT(StoredValues(kPublic0), testing::ElementsAre("p"));
}

TEST_P(EventLogContract, AppendsOfOneProducerLandInTheOrderOfTheirCalls) {
  const auto producer = log_->NewProducer();
  std::vector<Future<Result<Offsets>>> futures;
  for (int i = 0; i < 5'000; ++i) {
    futures.push_back(producer->Append(To(i % 2 == 0 ? kInbox0 : kInbox1, {std::to_string(i)})));
  }
  Offset last[2] = {0, 0};
  for (int i = 0; i < 5'000; ++i) {
    const Result<Offsets> offsets = Get(std::move(futures[i]));
    ASSERT_TRUE(offsets.ok()) << offsets.status().ToString();
    EXPECT_LT(last[i % 2], offsets->at(0));
    last[i % 2] = offsets->at(0);
  }
  const std::vector<std::string> even = StoredValues(kInbox0), odd = StoredValues(kInbox1);
  ASSERT_EQ(even.size(), 2'500u);
  ASSERT_EQ(odd.size(), 2'500u);
  for (int i = 0; i < 5'000; ++i) EXPECT_EQ((i % 2 == 0 ? even : odd)[i / 2], std::to_string(i));
}

TEST_P(EventLogContract, ProducersDoNotDisturbEachOthersOrder) {
  const auto other_log = NewOpenLog();
  const std::unique_ptr<Producer> producers[] = {log_->NewProducer(), log_->NewProducer(),
                                                 other_log->NewProducer()};
  const auto value = [](int producer, int i) {
    return std::to_string(producer) + ":" + std::to_string(i);
  };
  std::vector<Future<Result<Offsets>>> futures;
  for (int i = 0; i < 1'000; ++i) {
    for (int p = 0; p < 3; ++p) futures.push_back(producers[p]->Append(To(kInbox0, {value(p, i)})));
  }
  for (auto& future : futures) ASSERT_TRUE(Get(std::move(future)).ok());
  const std::vector<std::string> values = StoredValues(kInbox0);
  ASSERT_EQ(values.size(), 3'000u);
  int next[3] = {0, 0, 0};
  for (const std::string& stored : values) {
    const int producer = stored[0] - '0';
    EXPECT_EQ(stored, value(producer, next[producer]++));
  }
}

TEST_P(EventLogContract, AnAppendOfNothingSucceeds) {
  const auto producer = log_->NewProducer();
  EXPECT_TRUE(MustAppend(*producer, {}).empty());
  EXPECT_FALSE(producer->broken());
}

TEST_P(EventLogContract, ARecordUpToTheLimitPassesAndALargerOneChangesNothing) {
  const auto producer = log_->NewProducer();
  MustAppend(*producer, To(kInbox0, {std::string(kRecordBytesMax, 'x')}));
  const auto refused =
      Get(producer->Append(To(kInbox0, {"small", std::string(kRecordBytesMax + 1, 'x')})));
  EXPECT_EQ(refused.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(refused.status().reason(), "RECORD_TOO_LARGE");
  EXPECT_FALSE(producer->broken());
  EXPECT_EQ(Stored(kInbox0).size(), 1u);
  MustAppend(*producer, To(kInbox0, {"after"}));
}

TEST_P(EventLogContract, ATooLargeAppendIsRefusedAsAWhole) {
  const auto producer = log_->NewProducer();
  const auto append = [&](size_t records, size_t bytes) {
    return Get(
        producer->Append(To(kInbox0, std::vector<std::string>(records, std::string(bytes, 'x')))));
  };
  const auto many = append(kAppendRecordsMax + 1, 1);
  EXPECT_EQ(many.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(many.status().reason(), "APPEND_TOO_LARGE");
  EXPECT_EQ(append(kAppendBytesMax / kRecordBytesMax, kRecordBytesMax).status().reason(),
            "APPEND_TOO_LARGE")
      << "keys count too";
  EXPECT_TRUE(Stored(kInbox0).empty());
  EXPECT_FALSE(producer->broken());
  EXPECT_EQ(append(kAppendRecordsMax, 1)->size(), kAppendRecordsMax);
}

TEST_P(EventLogContract, TheQueueIsBoundedAndAFullOneBreaksNothing) {
  EPIGRID_REQUIRE_FAULT(storage_->KeepsMuch());
  const auto producer = log_->NewProducer();
  std::vector<Future<Result<Offsets>>> futures;
  const std::string value(kRecordBytesMax, 'x');
  const bool frozen = storage_->SetFrozen(true);  // else it may take them as fast as they come
  size_t accepted = 0;
  bool full = false;
  while (!full && futures.size() < 2'000) {
    futures.push_back(producer->Append(To(kInbox0, {value})));
    if (!futures.back().ready()) continue;
    const auto answer = Get(std::move(futures.back()));
    futures.pop_back();
    if (answer.ok()) {
      ++accepted;
      continue;
    }
    EXPECT_EQ(answer.status().code(), Code::kResourceExhausted) << answer.status().ToString();
    EXPECT_EQ(answer.status().reason(), "LOG_QUEUE_FULL");
    full = true;
  }
  if (frozen) {
    ASSERT_TRUE(storage_->SetFrozen(false));
  }
  EXPECT_TRUE(full) << "two thousand records of a MiB were queued";
  EXPECT_FALSE(producer->broken());
  for (auto& future : futures) {
    const auto answer = Get(std::move(future));
    EXPECT_TRUE(answer.ok()) << answer.status().ToString();
  }
  MustAppend(*producer, To(kInbox0, {"after"}));
  EXPECT_EQ(Stored(kInbox0, /*page=*/8).size(), accepted + futures.size() + 1);
}

}  // namespace epigrid
