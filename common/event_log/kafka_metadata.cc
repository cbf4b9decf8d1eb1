#include "common/event_log/kafka_metadata.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "common/event_log/kafka_core.h"

namespace epigrid {
namespace {

using SteadyClock = std::chrono::steady_clock;
using internal::v1::LogMetadataRecord;

constexpr uint32_t kLayout = 1;

Status Differs(std::string_view what, const std::string& found, const std::string& wanted) {
  return FailedPrecondition(
      "LOG_MISMATCH",
      fmt::format("the log was created with {} {}, but {} is configured; configure what it was "
                  "created with, or begin a new log",
                  what, found, wanted));
}

LogMetadataRecord ToRecord(const LogIdentity& identity) {
  LogMetadataRecord record;
  record.mutable_identity()->set_layout(kLayout);
  record.mutable_identity()->set_shard_count(identity.shard_count);
  record.mutable_identity()->set_shard_hash(identity.shard_hash);
  return record;
}

}  // namespace

KafkaTopicSpec KafkaMetadata::TopicSpec(const KafkaLogOptions& options) {
  return {.name = options.topic_prefix + "epigrid.metadata",
          .partitions = 1,
          .replication = options.replication,
          .settings = KafkaFactTopicSettings(options.min_insync_replicas)};
}

KafkaMetadata::KafkaMetadata(const KafkaLogOptions& options, KafkaReader reader)
    : options_(options), topic_name_(TopicSpec(options).name), reader_(std::move(reader)) {}

Status KafkaMetadata::CheckIdentity(const LogIdentity& wanted) {
  EPIGRID_RETURN_IF_ERROR(CatchUp());
  if (!identity_.has_value()) {
    EPIGRID_RETURN_IF_ERROR(Write({ToRecord(wanted)}));
    EPIGRID_RETURN_IF_ERROR(CatchUp());
  }
  EPIGRID_CHECK(identity_.has_value(), "an identity was written and everything read");
  if (identity_->layout() != kLayout) {
    return Differs("layout", std::to_string(identity_->layout()), std::to_string(kLayout));
  }
  if (identity_->shard_count() != wanted.shard_count) {
    return Differs("shard_count", std::to_string(identity_->shard_count()),
                   std::to_string(wanted.shard_count));
  }
  if (identity_->shard_hash() != wanted.shard_hash) {
    return Differs("shard_hash", identity_->shard_hash(), wanted.shard_hash);
  }
  return OkStatus();
}

KafkaMetadata::Fields KafkaMetadata::Of(const TopicShard& shard) const {
  const auto found = fields_.find(shard);
  return found == fields_.end() ? Fields() : found->second;
}

Status KafkaMetadata::Put(const std::vector<Change>& changes) {
  std::vector<LogMetadataRecord> records;
  for (const Change& change : changes) {
    internal::v1::ShardFieldRecord& field = *records.emplace_back().mutable_shard_field();
    field.set_topic(change.of.topic);
    field.set_shard(change.of.shard);
    field.set_field(change.field);
    if (change.value.has_value()) field.set_value(*change.value);
  }
  return Write(records);
}

Status KafkaMetadata::CatchUp() {
  EPIGRID_ASSIGN_OR_RETURN(const KafkaRange range, reader_.Range(topic_name_, 0));
  if (range.begin > position_) {
    return FailedPrecondition(
        "LOG_MISMATCH",
        fmt::format("topic {} begins at {}: records of it are gone, without which nobody knows "
                    "what is parked; restore it from a backup",
                    topic_name_, range.begin));
  }
  while (position_ < range.end) {
    EPIGRID_ASSIGN_OR_RETURN(std::vector<LogRecord> records,
                             reader_.Read(topic_name_, 0, position_, range.end, 1'000));
    for (const LogRecord& record : records) {
      EPIGRID_RETURN_IF_ERROR(Heed(record));
      position_ = KafkaCore::PositionAfter(record.offset);
    }
  }
  return OkStatus();
}

Status KafkaMetadata::Heed(const LogRecord& logged) {
  LogMetadataRecord record;
  if (!record.ParseFromString(logged.value) ||
      record.content_case() == LogMetadataRecord::CONTENT_NOT_SET) {
    return {Code::kDataLoss, "LOG_CORRUPT",
            fmt::format("record {} of topic {} is none that this version of the log writes; find "
                        "who does, and see docs/playbooks/shard-stopped.md",
                        logged.offset, topic_name_)};
  }
  if (record.has_identity()) {
    if (!identity_.has_value()) identity_ = record.identity();
    return OkStatus();
  }
  internal::v1::ShardFieldRecord& field = *record.mutable_shard_field();
  Fields& fields = fields_[{field.topic(), field.shard()}];
  if (field.has_value()) {
    fields[field.field()] = std::move(*field.mutable_value());
  } else {
    fields.erase(field.field());
  }
  return OkStatus();
}

Status KafkaMetadata::NeedWriter() {
  if (writer_ != nullptr && rd_kafka_fatal_error(writer_.get(), nullptr, 0) == 0) {
    return OkStatus();
  }
  EPIGRID_ASSIGN_OR_RETURN(writer_, NewKafkaWriter(options_.kafka, /*linger=*/Duration(0)));
  return OkStatus();
}

Status KafkaMetadata::Produce(const LogMetadataRecord& record) {
  std::string value = record.SerializeAsString();
  void* const flush = reinterpret_cast<void*>(flushes_);  // NOLINT(performance-no-int-to-ptr)
  std::array<rd_kafka_vu_t, 4> arguments{};
  arguments[0] = {.vtype = RD_KAFKA_VTYPE_TOPIC, .u = {.cstr = topic_name_.c_str()}};
  arguments[1] = {.vtype = RD_KAFKA_VTYPE_VALUE, .u = {.mem = {value.data(), value.size()}}};
  arguments[2] = {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u = {.i = RD_KAFKA_MSG_F_COPY}};
  arguments[3] = {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u = {.ptr = flush}};
  const KafkaError refused(rd_kafka_produceva(writer_.get(), arguments.data(), arguments.size()));
  if (refused != nullptr) return LogUnavailable(rd_kafka_error_string(refused.get()));
  return OkStatus();
}

Status KafkaMetadata::Write(const std::vector<LogMetadataRecord>& records) {
  EPIGRID_RETURN_IF_ERROR(NeedWriter());
  ++flushes_;
  for (const LogMetadataRecord& record : records) EPIGRID_RETURN_IF_ERROR(Produce(record));

  const SteadyClock::time_point give_up = SteadyClock::now() + options_.kafka.deadline;
  const KafkaQueue queue(rd_kafka_queue_get_main(writer_.get()));
  for (size_t acknowledged = 0; acknowledged < records.size();) {
    const auto left = std::chrono::duration_cast<Duration>(give_up - SteadyClock::now());
    if (left <= Duration::zero()) {
      // What is not on its way yet shall not come after what is written next.
      rd_kafka_purge(writer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
      return LogUnavailable("a write of the log's metadata was not acknowledged in time");
    }
    const KafkaEvent event(rd_kafka_queue_poll(queue.get(), KafkaMillis(left)));
    if (event == nullptr || rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) continue;
    while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
      // Else of a flush that was given up.
      if (reinterpret_cast<uintptr_t>(message->_private) != flushes_) continue;
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return KafkaStatus(message->err, "write the log's metadata");
      }
      // Taken for written, with no place: see decision 18.
      if (message->offset < 0) return LogUnavailable("a write of the log's metadata is uncertain");
      ++acknowledged;
    }
  }
  return OkStatus();
}

}  // namespace epigrid
