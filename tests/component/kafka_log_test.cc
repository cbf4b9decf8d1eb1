// KafkaLog on a real broker and on librdkafka's mock cluster: the contract, and what is its own.
#include "common/event_log/kafka_log.h"

#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "common/kafka/handle.h"
#include "common/kafka/testing/kafka_server.h"
#include "common/kafka/topics.h"
#include "tests/component/event_log_contract.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void WaitUntil(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + seconds(60);
  while (!condition()) {
    EPIGRID_CHECK(std::chrono::steady_clock::now() < give_up, "waited for a minute");
    std::this_thread::sleep_for(milliseconds(1));
  }
}

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
    frozen ? Server().Pause(1) : Server().Resume(1);
    return true;
  }
  bool CrashAndRestart() override {
    Server().Kill(1);
    Server().Start(1);
    return true;
  }
  // Brokers write starts down once a minute (log.flush.start.offset.checkpoint.interval.ms).
  bool CutsAreDurable() const override { return false; }

 private:
  // nullptr: as the log makes its topics.
  void SetBatchBytesMax(const std::string& topic, const char* bytes) {
    using Resource = KafkaOwned<rd_kafka_ConfigResource_t, &rd_kafka_ConfigResource_destroy>;
    const Resource resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
    auto settings = KafkaFactTopicSettings(1);
    if (bytes != nullptr) settings["max.message.bytes"] = bytes;
    for (const auto& [name, value] : settings) {
      rd_kafka_ConfigResource_set_config(resource.get(), name.c_str(), value.c_str());
    }
    rd_kafka_ConfigResource_t* raw = resource.get();
    const KafkaQueue queue(rd_kafka_queue_new(admin_.get()));
    rd_kafka_AlterConfigs(admin_.get(), &raw, 1, nullptr, queue.get());
    const KafkaEvent answer = AwaitKafkaAnswer(queue.get(), seconds(10));
    EPIGRID_CHECK(answer != nullptr && rd_kafka_event_error(answer.get()) == 0, "not altered");
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

}  // namespace

INSTANTIATE_TEST_SUITE_P(Kafka, EventLogContract, testing::Values(&MakeKafkaUnderTest));

}  // namespace epigrid
