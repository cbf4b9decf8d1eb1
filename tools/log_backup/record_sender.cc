#include "tools/log_backup/record_sender.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "common/event_log/log_errors.h"
#include "common/kafka/topics.h"

namespace epigrid::log_backup {
namespace {

constexpr size_t kRecordsMax = 200'000;
constexpr size_t kBytesMax = 64 << 20;
constexpr Duration kLinger = std::chrono::milliseconds(20);
// Without a single report.
constexpr Duration kPatience = std::chrono::seconds(60);

// What librdkafka keeps beside a record.
void* OpaqueOf(Offset place) {
  return reinterpret_cast<void*>(place);  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace

RecordSender::RecordSender(KafkaClient client)
    : client_(std::move(client)), queue_(rd_kafka_queue_get_main(client_.get())) {}

Result<RecordSender> RecordSender::Make(const KafkaOptions& kafka) {
  KafkaSettings settings = KafkaBulkSettings();
  settings.emplace_back("queue.buffering.max.messages", "1000000");
  settings.emplace_back("queue.buffering.max.kbytes", "1000000");
  EPIGRID_ASSIGN_OR_RETURN(KafkaClient client, NewKafkaWriter(kafka, kLinger, settings));
  return RecordSender(std::move(client));
}

Status RecordSender::Send(rd_kafka_topic_t* topic, const Sent& record) {
  const size_t bytes = record.key.size() + record.value.size();
  EPIGRID_RETURN_IF_ERROR(AwaitReports(kRecordsMax, kBytesMax));
  std::array<rd_kafka_vu_t, 7> arguments{};
  arguments[0] = {.vtype = RD_KAFKA_VTYPE_RKT, .u = {.rkt = topic}};
  arguments[1] = {.vtype = RD_KAFKA_VTYPE_PARTITION,
                  .u = {.i32 = static_cast<int32_t>(record.shard)}};
  arguments[2] = {
      .vtype = RD_KAFKA_VTYPE_KEY,
      .u = {.mem = {const_cast<char*>(record.key.data()), record.key.size()}}};  // NOLINT
  arguments[3] = {
      .vtype = RD_KAFKA_VTYPE_VALUE,
      .u = {.mem = {const_cast<char*>(record.value.data()), record.value.size()}}};  // NOLINT
  arguments[4] = {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u = {.i = RD_KAFKA_MSG_F_COPY}};
  arguments[5] = {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u = {.ptr = OpaqueOf(record.place)}};
  arguments[6] = {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u = {.i64 = record.time.micros / 1000}};
  const KafkaError refused(rd_kafka_produceva(client_.get(), arguments.data(), arguments.size()));
  if (refused != nullptr) {
    return KafkaStatus(rd_kafka_error_code(refused.get()), "write a record",
                       rd_kafka_error_string(refused.get()));
  }
  ++records_;
  bytes_ += bytes;
  return OkStatus();
}

Status RecordSender::Flush() { return AwaitReports(0, 0); }

Status RecordSender::AwaitReports(size_t records, size_t bytes) {
  while (records_ > records || bytes_ > bytes) {
    const KafkaEvent event(rd_kafka_queue_poll(queue_.get(), KafkaMillis(kPatience)));
    if (event == nullptr) {
      return KafkaStatus(RD_KAFKA_RESP_ERR__TIMED_OUT, "write records",
                         "nothing is acknowledged any more");
    }
    if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) continue;
    while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
      EPIGRID_RETURN_IF_ERROR(Heed(*message));
    }
  }
  return OkStatus();
}

Status RecordSender::Heed(const rd_kafka_message_t& message) {
  --records_;
  bytes_ -= message.key_len + message.len;
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaStatus(message.err, "write records");
  // Taken for written, with no place: see docs/decisions/0018.
  if (message.offset < 0) return LogUnavailable("whether a record was written is uncertain");
  const auto place = reinterpret_cast<uintptr_t>(message._private);
  // Kafka counts from 0.
  const Offset got = static_cast<Offset>(message.offset) + 1;
  if (place == 0 || got == place) return OkStatus();
  return {Code::kAborted, "RESTORE_DISTURBED",
          fmt::format("a record of {}/{} got offset {}, not {}: does somebody else write there?",
                      rd_kafka_topic_name(message.rkt), message.partition, got, place)};
}

}  // namespace epigrid::log_backup
