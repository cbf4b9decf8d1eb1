// KafkaMetadata: the topic epigrid.metadata and what it says. Not for use outside of this
// directory.
//
// CatchUp reads what was written since the last time, by whatever process.
// Used on one thread, which it blocks for up to a deadline a question.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/event_log/event_log.h"
#include "common/event_log/kafka_reader.h"
#include "common/kafka/topics.h"
#include "epigrid/internal/v1/log_metadata.pb.h"

namespace epigrid {

struct KafkaLogOptions;

class KafkaMetadata {
 public:
  static KafkaTopicSpec TopicSpec(const KafkaLogOptions& options);

  // `options` outlive it.
  KafkaMetadata(const KafkaLogOptions& options, KafkaReader reader);

  // Leaves the mark of this identity if there is none. LOG_MISMATCH.
  Status CheckIdentity(const LogIdentity& wanted);

  using Fields = std::map<std::string, std::string>;
  // As far as was read: CatchUp first.
  Status CatchUp();
  Fields Of(const TopicShard& shard) const;
  struct Change {
    TopicShard of;
    std::string field;
    std::optional<std::string> value;  // unset: the field is deleted
  };
  // One after the other, in one flush. After an error some may be there, or come to be.
  Status Put(const std::vector<Change>& changes);

 private:
  Status Heed(const LogRecord& record);
  Status Write(const std::vector<internal::v1::LogMetadataRecord>& records);
  Status Produce(const internal::v1::LogMetadataRecord& record);
  // Is there afterwards, in place of one that will not write any more.
  Status NeedWriter();

  const KafkaLogOptions& options_;
  const std::string topic_name_;
  KafkaClient writer_;  // null: nothing has been written yet
  KafkaReader reader_;
  int64_t position_ = 0;  // of the next record to be read
  uintptr_t flushes_ = 0;
  std::optional<internal::v1::LogIdentityRecord> identity_;
  std::map<TopicShard, Fields> fields_;
};

}  // namespace epigrid
