#include "common/event_log/kafka_reader.h"

#include <utility>

#include "common/event_log/kafka_core.h"

namespace epigrid {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Message = KafkaOwned<rd_kafka_message_t, &rd_kafka_message_destroy>;

}  // namespace

KafkaReader::KafkaReader(KafkaClient client, Duration deadline)
    : client_(std::move(client)), deadline_(deadline) {
  rd_kafka_poll_set_consumer(client_.get());
}

Result<KafkaRange> KafkaReader::Range(const std::string& topic_name, Shard shard) {
  KafkaRange range;
  const rd_kafka_resp_err_t error = AskWhileChanging(
      client_.get(),
      [&] {
        return rd_kafka_query_watermark_offsets(client_.get(), topic_name.c_str(),
                                                static_cast<int32_t>(shard), &range.begin,
                                                &range.end, KafkaMillis(deadline_));
      },
      deadline_);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaStatus(error, "ask where a shard ends");
  return range;
}

Status KafkaReader::Seek(Place to) {
  const KafkaPartitions list = NewKafkaPartitions(1);
  rd_kafka_topic_partition_list_add(list.get(), to.topic_name.c_str(),
                                    static_cast<int32_t>(to.shard))
      ->offset = to.position;
  place_.reset();
  rd_kafka_resp_err_t error = rd_kafka_assign(client_.get(), nullptr);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = rd_kafka_assign(client_.get(), list.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaStatus(error, "read a shard");
  place_ = std::move(to);
  return OkStatus();
}

void KafkaReader::Rest() {
  if (!place_.has_value()) return;
  place_.reset();
  rd_kafka_assign(client_.get(), nullptr);
}

Result<std::vector<LogRecord>> KafkaReader::Read(const std::string& topic_name, Shard shard,
                                                 int64_t position, int64_t end, size_t limit) {
  std::vector<LogRecord> records;
  const SteadyClock::time_point give_up = SteadyClock::now() + deadline_;
  int64_t gap_to = position;  // where a gap was seen to end
  size_t bytes = 0;
  while (position < end && records.size() < limit && bytes < kReadBytesMax) {
    if (place_ != Place{topic_name, shard, position}) {
      EPIGRID_RETURN_IF_ERROR(Seek({topic_name, shard, position}));
    }
    const auto left = std::chrono::duration_cast<Duration>(give_up - SteadyClock::now());
    if (left <= Duration::zero()) {
      place_.reset();
      return LogUnavailable("a shard could not be read in time");
    }
    const Message message(rd_kafka_consumer_poll(client_.get(), KafkaMillis(left)));
    if (message != nullptr && message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
      place_.reset();
      EPIGRID_ASSIGN_OR_RETURN(const KafkaRange range, Range(topic_name, shard));
      if (range.begin > position) {
        return LogStartMoved({topic_name, shard}, KafkaCore::StartOf(range),
                             static_cast<Offset>(position));
      }
      continue;
    }
    // Another error is the client's own trouble, which it goes on with until the deadline.
    if (message == nullptr || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    place_->position = message->offset + 1;
    if (message->offset >= end) break;  // where the topic was compacted up to the end
    // A gap counts when it is seen twice: what was fetched for an earlier place is none.
    const bool gap = message->offset > position && message->offset != gap_to;
    if (gap || message->offset < position) {
      gap_to = message->offset;
      continue;
    }
    records.push_back(KafkaCore::RecordOf(*message));
    bytes += BytesOf(records.back());
    position = message->offset + 1;
  }
  // Else the client would go on asking the brokers for what comes next.
  if (position >= end) Rest();
  return records;
}

}  // namespace epigrid
