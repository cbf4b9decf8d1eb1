// RecordSender: writes records to places of a topic's shards that are known beforehand.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/clock.h"
#include "common/event_log/event_log.h"
#include "common/kafka/handle.h"

namespace epigrid::log_backup {

class RecordSender {
 public:
  static Result<RecordSender> Make(const KafkaOptions& kafka);

  rd_kafka_t* client() const { return client_.get(); }

  // Waits while much is under way. `place`: the offset that the record must get; 0: whichever.
  // `time` not set: now.
  struct Sent {
    Shard shard = 0;
    Offset place = 0;
    Time time;
    const std::string& key;
    const std::string& value;
  };
  Status Send(rd_kafka_topic_t* topic, const Sent& record);
  // Until all is acknowledged, in its place.
  Status Flush();

 private:
  explicit RecordSender(KafkaClient client);
  // Until at most so much is under way.
  Status AwaitReports(size_t records, size_t bytes);
  Status Heed(const rd_kafka_message_t& message);

  KafkaClient client_;
  KafkaQueue queue_;
  size_t records_ = 0;  // under way
  size_t bytes_ = 0;
};

}  // namespace epigrid::log_backup
