#include "tests/bench/system/bare_producer.h"

#include <algorithm>

#include "common/kafka/topics.h"

namespace epigrid::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr char kTopic[] = "bench.bare";
constexpr uint32_t kPartitions = 64;
constexpr size_t kValueBytes = 150;

double SecondsSince(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

// False: its queue is full.
bool Produce(rd_kafka_topic_t* topic, uint64_t number) {
  static const std::string key = "person_0123456789";
  static std::string value(kValueBytes, 'v');
  if (rd_kafka_produce(topic, static_cast<int32_t>(number % kPartitions), RD_KAFKA_MSG_F_COPY,
                       value.data(), value.size(), key.data(), key.size(), nullptr) == 0) {
    return true;
  }
  const rd_kafka_resp_err_t error = rd_kafka_last_error();
  EPIGRID_CHECK(error == RD_KAFKA_RESP_ERR__QUEUE_FULL, KafkaErrorText(error));
  return false;
}

}  // namespace

BareProducer::BareProducer(const KafkaOptions& options, std::chrono::milliseconds linger)
    : client_(NewKafkaClient(RD_KAFKA_PRODUCER, options,
                             {{"enable.idempotence", "true"},
                              {"acks", "all"},
                              {"linger.ms", std::to_string(linger.count())}},
                             RD_KAFKA_EVENT_DR)
                  .value()),
      topic_(rd_kafka_topic_new(client_.get(), kTopic, nullptr)) {
  const Status made = EnsureKafkaTopics(
      client_.get(), KafkaTopicCare::kCreate,
      {{.name = kTopic, .partitions = kPartitions, .replication = 1, .settings = {}}},
      std::chrono::seconds(30));
  EPIGRID_CHECK(made.ok(), made.ToString());
}

size_t BareProducer::TakeAcknowledged(int wait_millis) {
  const KafkaQueue queue(rd_kafka_queue_get_main(client_.get()));
  const KafkaEvent event(rd_kafka_queue_poll(queue.get(), wait_millis));
  size_t count = 0;
  if (event == nullptr) return count;
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
    EPIGRID_CHECK(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, KafkaErrorText(message->err));
    ++count;
  }
  return count;
}

LoadResult BareProducer::Stream(Duration duration) {
  LoadResult result;
  uint64_t sent = 0;
  const auto begin = SteadyClock::now();
  while (SteadyClock::now() - begin < duration) {
    for (int i = 0; i < 1'000; ++i) {
      while (!Produce(topic_.get(), sent)) result.items += TakeAcknowledged(100);
      ++sent;
    }
    result.items += TakeAcknowledged(0);
  }
  while (result.items < sent) result.items += TakeAcknowledged(100);
  result.seconds = SecondsSince(begin);
  return result;
}

LoadResult BareProducer::OneByOne(Duration duration) {
  LoadResult result;
  const auto begin = SteadyClock::now();
  while (SteadyClock::now() - begin < duration) {
    const auto sent = SteadyClock::now();
    EPIGRID_CHECK(Produce(topic_.get(), result.calls), "nothing else waits");
    while (TakeAcknowledged(100) == 0) {
    }
    result.latencies_seconds.push_back(SecondsSince(sent));
    ++result.calls;
  }
  result.items = result.calls;
  result.seconds = SecondsSince(begin);
  std::ranges::sort(result.latencies_seconds);
  return result;
}

}  // namespace epigrid::bench
