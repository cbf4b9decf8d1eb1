// The contract of EventLog (common/event_log/event_log.h) as tests that every implementation
// passes.
//
//   class RedisStreamsUnderTest final : public EventLogUnderTest { ... };
//   INSTANTIATE_TEST_SUITE_P(RedisStreams, EventLogContract,
//                            testing::Values(&MakeRedisStreamsUnderTest));
//
// Include it in one source file of a test binary. A fault that an implementation does not know (the
// simulation has no memory to fill up) answers false, and the tests that need it are skipped. Tests
// wait for conditions, through RunUntil: a simulated scheduler takes its steps there.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/event_log/event_log.h"

namespace epigrid {

// One log's storage, and what can happen to it.
class EventLogUnderTest {
 public:
  virtual ~EventLogUnderTest() = default;

  // A log on this storage, not opened yet. Several at a time stand for several processes.
  virtual std::unique_ptr<EventLog> NewLog() = 0;
  // Lets the implementation work until the condition holds; aborts if that takes unreasonably long.
  virtual void RunUntil(const std::function<bool()>& condition) = 0;

  // No room: appends are refused; or room again.
  virtual bool SetFull(bool /*full*/) { return false; }
  // The storage stops to answer, without losing what reaches it; or goes on.
  virtual bool SetFrozen(bool /*frozen*/) { return false; }
  // The storage dies on the spot, and comes back with what is on its disk.
  virtual bool CrashAndRestart() { return false; }
  // Whether it knows Cut at all, and how much it keeps of a shard.
  virtual bool CanCut() const { return true; }
  virtual bool KeepsMuch() const { return true; }
  // Whether a start that a Cut moved stays there when the storage dies at once.
  virtual bool CutsAreDurable() const { return true; }
  // The shard's next record has an offset beyond this.
  virtual bool SkipTo(const TopicShard& /*of*/, Offset /*offset*/) { return false; }
  // The tail above `last_kept` is lost, as after a power cut without fsync.
  virtual bool LoseTail(const TopicShard& /*of*/, Offset /*last_kept*/) { return false; }
};

using EventLogFactory = std::unique_ptr<EventLogUnderTest> (*)();

class EventLogContract : public testing::TestWithParam<EventLogFactory> {
 protected:
  using Offsets = std::vector<Offset>;

  static constexpr uint32_t kShards = 8;
  inline static const TopicShard kInbox0{"test.inbox", 0};
  inline static const TopicShard kInbox1{"test.inbox", 1};
  inline static const TopicShard kPublic0{"test.fact.v1", 0};

  void SetUp() override {
    storage_ = GetParam()();
    log_ = NewOpenLog();
  }

  template <typename T>
  T Get(Future<T> future) {
    storage_->RunUntil([&] { return future.ready(); });
    return std::move(future).Wait();
  }

  // The answer once there is one: brokers that were frozen may go away once more when they notice.
  template <typename Ask>
  auto GetReachable(const Ask& ask) {
    auto answer = Get(ask());
    while (answer.status().reason() == "LOG_UNAVAILABLE") answer = Get(ask());
    return answer;
  }

  std::unique_ptr<EventLog> NewOpenLog() {
    std::unique_ptr<EventLog> log = storage_->NewLog();
    const Result<Done> opened = GetReachable([&] { return log->Open(Identity(kShards)); });
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return log;
  }

  static LogIdentity Identity(uint32_t shard_count) {
    LogIdentity identity;
    identity.shard_count = shard_count;
    identity.topics = {kInbox0.topic, kPublic0.topic};
    return identity;
  }

  static std::vector<NewRecord> To(const TopicShard& to, std::vector<std::string> values) {
    std::vector<NewRecord> records;
    for (std::string& value : values) records.push_back({to, "key", std::move(value)});
    return records;
  }

  // The same value to two shards, each of which may get it without the other.
  static std::vector<NewRecord> ToBoth(const std::string& value) {
    return {{kInbox0, "", value}, {kInbox1, "", value}};
  }

  Offsets MustAppend(Producer& producer, std::vector<NewRecord> records) {
    Result<Offsets> offsets = Get(producer.Append(std::move(records)));
    EXPECT_TRUE(offsets.ok()) << offsets.status().ToString();
    return offsets.ok() ? *offsets : Offsets();
  }

  // Each alone, for tests that then cut the shard between two of them.
  Offsets MustAppendEach(Producer& producer, const std::vector<NewRecord>& records) {
    Offsets offsets;
    for (const NewRecord& record : records) {
      for (const Offset offset : MustAppend(producer, {record})) offsets.push_back(offset);
    }
    return offsets;
  }

  // Everything that is in the shard, read in pages.
  std::vector<LogRecord> Stored(const TopicShard& from, size_t page = 1'000) {
    std::vector<LogRecord> all;
    for (;;) {
      const Offset after = all.empty() ? 0 : all.back().offset;
      auto records = GetReachable([&] { return log_->Read(from, after, page); });
      EXPECT_TRUE(records.ok()) << records.status().ToString();
      if (!records.ok() || records->empty()) return all;
      for (LogRecord& record : *records) all.push_back(std::move(record));
    }
  }

  static std::vector<std::string> Values(const std::vector<LogRecord>& records) {
    std::vector<std::string> values;
    for (const LogRecord& record : records) values.push_back(record.value);
    return values;
  }
  std::vector<std::string> StoredValues(const TopicShard& from) { return Values(Stored(from)); }

  // How the Appends of one producer were answered, in the order of their calls.
  struct Answers {
    size_t acknowledged = 0;  // so many, the first ones
    size_t refused_from = 0;  // the first that is not in the log, or their number
  };
  Answers Await(std::vector<Future<Result<Offsets>>> futures) {
    Answers answers{.acknowledged = 0, .refused_from = futures.size()};
    for (size_t i = 0; i < futures.size(); ++i) {
      const Result<Offsets> answer = Get(std::move(futures[i]));
      if (answer.ok()) {
        EXPECT_EQ(answers.acknowledged++, i) << "accepted after a failure";
      } else if (answer.status().reason() == "LOG_UNAVAILABLE") {
        answers.refused_from = std::min(answers.refused_from, i);
      } else {
        EXPECT_EQ(answer.status().reason(), "OUTCOME_UNKNOWN");
      }
    }
    return answers;
  }
  // After Appends of ToBoth "0", "1", "2" and so on.
  void ExpectPrefixes(const Answers& answers) {
    for (const TopicShard& shard : {kInbox0, kInbox1}) {
      const std::vector<std::string> values = StoredValues(shard);
      EXPECT_GE(values.size(), answers.acknowledged) << "shard " << shard.shard;
      EXPECT_LE(values.size(), answers.refused_from) << "shard " << shard.shard;
      for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], std::to_string(i));
    }
  }

  // Polls until `count` records have come, by shard; ends at an error, which is then poll_error_.
  std::map<TopicShard, std::vector<LogRecord>> PollFor(Consumer& consumer, size_t count) {
    std::map<TopicShard, std::vector<LogRecord>> read;
    poll_error_ = OkStatus();
    for (size_t seen = 0; seen < count;) {
      Result<std::vector<Polled>> polled = Get(consumer.Poll(std::chrono::milliseconds(50)));
      if (!polled.ok()) {
        poll_error_ = polled.status();
        break;
      }
      for (Polled& shard : *polled) {
        seen += shard.records.size();
        for (LogRecord& record : shard.records) read[shard.from].push_back(std::move(record));
      }
    }
    return read;
  }

  // Calls until the storage answers again, as callers do.
  void AwaitReachable() {
    EXPECT_TRUE(GetReachable([&] { return log_->End(kInbox0); }).ok());
  }

  std::unique_ptr<EventLogUnderTest> storage_;
  std::unique_ptr<EventLog> log_;
  Status poll_error_;
};

#define EPIGRID_REQUIRE_FAULT(injected) \
  if (!(injected)) GTEST_SKIP() << "this log knows no such fault"

}  // namespace epigrid

// The tests, in parts.
#include "tests/component/event_log_contract_append.h"    // IWYU pragma: keep
#include "tests/component/event_log_contract_cut.h"       // IWYU pragma: keep
#include "tests/component/event_log_contract_faults.h"    // IWYU pragma: keep
#include "tests/component/event_log_contract_metadata.h"  // IWYU pragma: keep
#include "tests/component/event_log_contract_read.h"      // IWYU pragma: keep
