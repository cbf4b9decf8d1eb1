// KafkaLog on a real broker and on librdkafka's mock cluster: the contract, and what is its own.
#include "common/event_log/kafka_log.h"

#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "common/event_log/kafka_reader.h"
#include "common/kafka/handle.h"
#include "common/kafka/testing/kafka_server.h"
#include "common/kafka/topics.h"
#include "tests/component/event_log_contract.h"
#include "tests/fakes/wait_until.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One for all tests of this process.
KafkaServer& Server() {
  static KafkaServer server;
  return server;
}

std::string NewPrefix() {
  static int count = 0;
  return "test-" + std::to_string(++count) + ".";
}

KafkaLogOptions OptionsFor(KafkaOptions kafka) {
  KafkaLogOptions options;
  options.kafka = std::move(kafka);
  options.kafka.deadline = seconds(3);
  options.topic_prefix = NewPrefix();
  options.replication = 1;
  options.min_insync_replicas = 1;
  options.append_deadline = seconds(4);
  return options;
}

class KafkaUnderTest final : public EventLogUnderTest {
 public:
  KafkaUnderTest()
      : options_(OptionsFor(Server().options())),
        loop_("test"),
        admin_(NewKafkaClient(RD_KAFKA_PRODUCER, options_.kafka, {}, RD_KAFKA_EVENT_DR).value()) {}

  const KafkaLogOptions& options() const { return options_; }
  EventLoop& loop() { return loop_; }
  std::unique_ptr<EventLog> NewLog() override { return NewLog(options_); }
  std::unique_ptr<KafkaLog> NewLog(const KafkaLogOptions& options) {
    return std::make_unique<KafkaLog>(loop_, options);
  }
  void RunUntil(const std::function<bool()>& condition) override { WaitUntil(condition); }

  // The broker refuses whatever comes to the topics, until it may be written to again.
  bool SetFull(bool full) override {
    for (const char* topic : {"test.inbox", "test.fact.v1"}) {
      SetBatchBytesMax(options_.topic_prefix + topic, full ? "1" : nullptr);
      WaitUntil([&] { return Accepts(options_.topic_prefix + topic) != full; });
    }
    return true;
  }
  bool SetFrozen(bool frozen) override {
    frozen ? Server().Pause() : Server().Resume();
    return true;
  }
  bool CrashAndRestart() override {
    Server().Kill();
    Server().Start();
    return true;
  }
  // Brokers write starts down once a minute (log.flush.start.offset.checkpoint.interval.ms).
  bool CutsAreDurable() const override { return false; }

 private:
  // nullptr: as the log makes its topics.
  void SetBatchBytesMax(const std::string& topic, const char* bytes) {
    auto settings = KafkaFactTopicSettings(1);
    if (bytes != nullptr) settings["max.message.bytes"] = bytes;
    const Status set = SetKafkaTopicSettings(
        admin_.get(), {{.name = topic, .settings = std::move(settings)}}, seconds(10));
    EPIGRID_CHECK(set.ok(), set.ToString());
  }

  // Whether a record to the topic's last shard, which no test looks at, is taken.
  bool Accepts(const std::string& topic) {
    const KafkaTopic handle(rd_kafka_topic_new(admin_.get(), topic.c_str(), nullptr));
    EPIGRID_CHECK(rd_kafka_produce(handle.get(), 7, 0, nullptr, 0, nullptr, 0, nullptr) == 0,
                  "not queued");
    const KafkaQueue queue(rd_kafka_queue_get_main(admin_.get()));
    for (;;) {
      const KafkaEvent event(rd_kafka_queue_poll(queue.get(), 10'000));
      EPIGRID_CHECK(event != nullptr, "no answer");
      if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) continue;
      return rd_kafka_event_message_next(event.get())->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    }
  }

  const KafkaLogOptions options_;
  EventLoop loop_;
  const KafkaClient admin_;
};

std::unique_ptr<EventLogUnderTest> MakeKafkaUnderTest() {
  return std::make_unique<KafkaUnderTest>();
}

constexpr int16_t kProduce = 0, kFetch = 1, kListOffsets = 2, kOffsetCommit = 8, kOffsetFetch = 9;

// librdkafka's own stand-in for three brokers, whose every kind of answer is an error now and then.
class MockKafkaUnderTest final : public EventLogUnderTest {
 public:
  MockKafkaUnderTest()
      : loop_("test"),
        owner_(NewKafkaClient(RD_KAFKA_PRODUCER, {.brokers = "none"}, {}, RD_KAFKA_EVENT_NONE)
                   .value()),
        cluster_(rd_kafka_mock_cluster_new(owner_.get(), 3)),
        options_(MockOptions(rd_kafka_mock_cluster_bootstraps(cluster_.get()))) {
    for (const char* topic : {"test.inbox", "test.fact.v1"}) {
      rd_kafka_mock_topic_create(cluster_.get(), (options_.topic_prefix + topic).c_str(), 8, 3);
    }
    rd_kafka_mock_topic_create(cluster_.get(), (options_.topic_prefix + "epigrid.metadata").c_str(),
                               1, 3);
    for (const int16_t api : {kProduce, kFetch, kListOffsets}) {
      Fail(api, {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR__TRANSPORT});
    }
    Fail(kProduce,
         {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
          RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
    for (const int16_t api : {kOffsetCommit, kOffsetFetch}) {
      Fail(api,
           {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS});
    }
  }

  const KafkaLogOptions& options() const { return options_; }
  EventLoop& loop() { return loop_; }
  rd_kafka_mock_cluster_t* cluster() { return cluster_.get(); }
  // The next answers to requests of this kind.
  void Fail(int16_t api, const std::vector<rd_kafka_resp_err_t>& errors) {
    rd_kafka_mock_push_request_errors_array(cluster_.get(), api, errors.size(), errors.data());
  }

  std::unique_ptr<EventLog> NewLog() override {
    return std::make_unique<KafkaLog>(loop_, options_);
  }
  void RunUntil(const std::function<bool()>& condition) override { WaitUntil(condition); }
  bool CanCut() const override { return false; }
  bool KeepsMuch() const override { return false; }  // 5 MiB of a partition

 private:
  // It tells nothing of the settings of topics.
  static KafkaLogOptions MockOptions(const char* brokers) {
    KafkaLogOptions options = OptionsFor({.brokers = brokers});
    options.topic_care = KafkaTopicCare::kTrust;
    return options;
  }

  using Cluster = KafkaOwned<rd_kafka_mock_cluster_t, &rd_kafka_mock_cluster_destroy>;

  EventLoop loop_;
  const KafkaClient owner_;
  const Cluster cluster_;
  const KafkaLogOptions options_;
};

std::unique_ptr<EventLogUnderTest> MakeMockKafkaUnderTest() {
  return std::make_unique<MockKafkaUnderTest>();
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Kafka, EventLogContract, testing::Values(&MakeKafkaUnderTest));
INSTANTIATE_TEST_SUITE_P(MockKafka, EventLogContract, testing::Values(&MakeMockKafkaUnderTest));

namespace {

const TopicShard kInbox{"test.inbox", 0};

LogIdentity TestIdentity() {
  LogIdentity identity;
  identity.shard_count = 8;
  identity.topics = {"test.inbox", "test.fact.v1"};
  return identity;
}

std::unique_ptr<KafkaLog> MustOpen(EventLoop& loop, const KafkaLogOptions& options) {
  auto log = std::make_unique<KafkaLog>(loop, options);
  const Result<Done> opened = log->Open(TestIdentity()).Wait();
  EPIGRID_CHECK(opened.ok(), opened.status().ToString());
  return log;
}

// An error that no repetition mends, in the middle: what was sent behind it never lands.
TEST(KafkaLog, AfterAnErrorForGoodNothingOfTheSameProducerLands) {
  MockKafkaUnderTest storage;
  const auto log = MustOpen(storage.loop(), storage.options());
  const auto producer = log->NewProducer();
  ASSERT_TRUE(producer->Append({{kInbox, "", "before"}}).Wait().ok());
  storage.Fail(kProduce, {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  std::vector<Future<Result<std::vector<Offset>>>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(producer->Append({{kInbox, "", "behind"}}));
  for (auto& future : futures) EXPECT_FALSE(std::move(future).Wait().ok());
  EXPECT_TRUE(producer->broken());
  EXPECT_EQ(log->Read(kInbox, 0, 10).Wait()->size(), 1u);
  EXPECT_TRUE(log->NewProducer()->Append({{kInbox, "", "after"}}).Wait().ok());
}

// Brokers that are slow, but go on: what waits behind much waits for longer than any may be silent.
TEST(KafkaLog, SlowBrokersAreWaitedForAsLongAsTheyAcknowledge) {
  MockKafkaUnderTest storage;
  const auto log = MustOpen(storage.loop(), storage.options());
  const auto producer = log->NewProducer();
  ASSERT_TRUE(producer->Append({{kInbox, "", "before"}}).Wait().ok());
  for (int broker = 1; broker <= 3; ++broker) {
    rd_kafka_mock_broker_set_rtt(storage.cluster(), broker, 1'000);
  }
  const auto begin = std::chrono::steady_clock::now();
  std::vector<Future<Result<std::vector<Offset>>>> futures;
  for (int i = 0; i < 30; ++i) {  // each a request of its own, a few of them under way at once
    futures.push_back(producer->Append({{kInbox, "", std::string(1'000'000, 'x')}}));
  }
  for (auto& future : futures) {
    const auto answer = std::move(future).Wait();
    EXPECT_TRUE(answer.ok()) << answer.status().ToString();
  }
  EXPECT_GT(std::chrono::steady_clock::now() - begin, storage.options().append_deadline);
  EXPECT_FALSE(producer->broken());
}

// What is known of shards has a writer of its own, whose errors may be for good, too.
TEST(KafkaLog, MetadataIsWrittenAgainAfterAnErrorForGood) {
  MockKafkaUnderTest storage;
  const auto log = MustOpen(storage.loop(), storage.options());
  ASSERT_TRUE(log->PutShardMetadata(kInbox, "field", "before").Wait().ok());
  storage.Fail(kProduce, {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER});
  const Result<Done> failed = log->PutShardMetadata(kInbox, "field", "lost").Wait();
  EXPECT_EQ(failed.status().reason(), "LOG_UNAVAILABLE") << failed.status().ToString();
  const Result<Done> after = log->PutShardMetadata(kInbox, "field", "after").Wait();
  EXPECT_TRUE(after.ok()) << after.status().ToString();
  EXPECT_EQ(log->ShardMetadata(kInbox).Wait()->at("field"), "after");
}

// Leaders move and connections break while records come and are read.
TEST(KafkaLog, EveryRecordIsReadOnceAndInOrderWhileLeadersMove) {
  MockKafkaUnderTest storage;
  const auto log = MustOpen(storage.loop(), storage.options());
  const auto producer = log->NewProducer();
  const auto consumer = log->NewConsumer();
  consumer->Assign(kInbox, 0);
  constexpr int kRecords = 2'000;
  std::vector<Future<Result<std::vector<Offset>>>> futures;
  std::vector<std::string> read;
  for (int i = 0; i < kRecords; ++i) {
    futures.push_back(producer->Append({{kInbox, "", std::to_string(i)}}));
    if (i % 200 != 0) continue;
    rd_kafka_mock_partition_set_leader(storage.cluster(),
                                       (storage.options().topic_prefix + "test.inbox").c_str(), 0,
                                       i / 200 % 3 + 1);
    storage.Fail(kProduce, {RD_KAFKA_RESP_ERR__TRANSPORT});
    storage.Fail(kFetch, {RD_KAFKA_RESP_ERR__TRANSPORT});
    std::move(futures.back()).Wait();
    futures.pop_back();
  }
  for (auto& future : futures) ASSERT_TRUE(std::move(future).Wait().ok());
  while (read.size() < kRecords) {
    const auto polled = consumer->Poll(milliseconds(100)).Wait();
    if (!polled.ok()) {
      ASSERT_EQ(polled.status().reason(), "LOG_UNAVAILABLE") << polled.status().ToString();
      continue;
    }
    for (const Polled& shard : *polled) {
      for (const LogRecord& record : shard.records) read.push_back(record.value);
    }
  }
  for (int i = 0; i < kRecords; ++i) ASSERT_EQ(read[i], std::to_string(i));
}

// Of many one or another hears that the brokers are away before it listens.
// Between the question where a shard begins and the answer to what is asked for then.
TEST(KafkaLog, WhatIsCutWhileItIsReadIsNotWaitedFor) {
  KafkaUnderTest storage;
  const auto log = MustOpen(storage.loop(), storage.options());
  const std::vector<NewRecord> ten(10, {kInbox, "", "value"});
  ASSERT_TRUE(log->NewProducer()->Append(ten).Wait().ok());
  KafkaReader reader(
      NewKafkaClient(RD_KAFKA_CONSUMER, storage.options().kafka,
                     {{"group.id", "test"}, {"auto.offset.reset", "error"}}, RD_KAFKA_EVENT_NONE)
          .value(),
      seconds(60));
  const std::string topic = storage.options().topic_prefix + kInbox.topic;
  const KafkaRange range = reader.Range(topic, kInbox.shard).value();
  ASSERT_TRUE(log->Cut(kInbox, 6).Wait().ok());
  const auto began = std::chrono::steady_clock::now();
  const auto read = reader.Read(topic, kInbox.shard, range.begin, range.end, 10);
  EXPECT_EQ(read.status().reason(), "LOG_START_MOVED");
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(30));
}

TEST(KafkaLog, EveryProducerAnswersThatIsMadeWhileTheBrokersAreAway) {
  KafkaUnderTest kafka;
  const auto log = kafka.NewLog();
  ASSERT_TRUE(log->Open({.shard_count = 8, .topics = {"test.inbox"}}).Wait().ok());
  Server().Kill();
  std::vector<std::unique_ptr<Producer>> producers;
  std::vector<Future<Result<std::vector<Offset>>>> appends;
  for (int i = 0; i < 40; ++i) {
    producers.push_back(log->NewProducer());
    appends.push_back(producers.back()->Append({{{"test.inbox", 0}, "key", "value"}}));
  }
  for (auto& append : appends)
    EXPECT_EQ(std::move(append).Wait().status().reason(), "LOG_UNAVAILABLE");
  Server().Start();
}

TEST(KafkaLog, SaysEverythingInWhichItsTopicsDiffer) {
  KafkaUnderTest storage;
  MustOpen(storage.loop(), storage.options());
  KafkaLogOptions other = storage.options();
  other.compacted_topics = {"test.inbox"};
  LogIdentity identity = TestIdentity();
  const Status settings = storage.NewLog(other)->Open(identity).Wait().status();
  EXPECT_EQ(settings.code(), Code::kFailedPrecondition);
  EXPECT_EQ(settings.reason(), "LOG_MISMATCH");
  EXPECT_THAT(
      settings.message(),
      testing::AllOf(testing::HasSubstr("test.inbox has cleanup.policy delete, not compact"),
                     testing::HasSubstr("max.compaction.lag.ms")));
  identity.shard_count = 9;
  const Status shape = storage.NewLog(storage.options())->Open(identity).Wait().status();
  EXPECT_EQ(shape.reason(), "LOG_MISMATCH");
  EXPECT_THAT(shape.message(),
              testing::AllOf(testing::HasSubstr("test.inbox has 8 partitions, not 9"),
                             testing::HasSubstr("test.fact.v1 has 8 partitions, not 9")));
}

TEST(KafkaLog, AnOperatorsTopicsAreNotMade) {
  KafkaUnderTest storage;
  KafkaLogOptions options = storage.options();
  options.topic_care = KafkaTopicCare::kCheck;
  const Status missing = storage.NewLog(options)->Open(TestIdentity()).Wait().status();
  EXPECT_EQ(missing.reason(), "LOG_MISMATCH");
  EXPECT_THAT(missing.message(), testing::HasSubstr("test.inbox is missing"));
  MustOpen(storage.loop(), storage.options());
  EXPECT_TRUE(storage.NewLog(options)->Open(TestIdentity()).Wait().ok());
}

TEST(KafkaLog, MoreReplicasThanBrokersAreRefusedWithTheBrokersWords) {
  KafkaUnderTest storage;
  KafkaLogOptions options = storage.options();
  options.replication = 3;
  const Status refused = storage.NewLog(options)->Open(TestIdentity()).Wait().status();
  EXPECT_EQ(refused.reason(), "LOG_MISMATCH") << refused.ToString();
  EXPECT_THAT(refused.message(), testing::HasSubstr("replication"));
}

TEST(KafkaLog, SpeaksTlsToBrokersThatItKnows) {
  const KafkaServer server(/*tls=*/true);
  EventLoop loop("test");
  const KafkaLogOptions options = OptionsFor(server.options());
  {
    const auto log = MustOpen(loop, options);
    ASSERT_TRUE(log->NewProducer()->Append({{kInbox, "", "v"}}).Wait().ok());
    EXPECT_EQ(log->Read(kInbox, 0, 10).Wait()->size(), 1u);
  }
  KafkaLogOptions plain = options;
  plain.kafka.tls = false;
  EXPECT_EQ(KafkaLog(loop, plain).Open(TestIdentity()).Wait().status().reason(), "LOG_UNAVAILABLE");
  KafkaLogOptions distrustful = options;
  distrustful.kafka.tls_ca = "";
  EXPECT_EQ(KafkaLog(loop, distrustful).Open(TestIdentity()).Wait().status().reason(),
            "LOG_UNAVAILABLE");
  KafkaLogOptions unreadable = options;
  unreadable.kafka.tls_ca = "/none";
  EXPECT_EQ(KafkaLog(loop, unreadable).Open(TestIdentity()).Wait().status().reason(),
            "KAFKA_CONFIG_INVALID");
}

}  // namespace

}  // namespace epigrid
