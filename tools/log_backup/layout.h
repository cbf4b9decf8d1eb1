// Which topics a log on Kafka has, and what each is for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/event_log/kafka_log.h"

namespace epigrid::log_backup {

struct LogLayout {
  uint32_t shard_count = 0;
  std::vector<std::string> services;   // which have an inbox
  std::vector<std::string> facts;      // topics: inboxes and what is public
  std::vector<std::string> snapshots;  // topics: one of each service
  std::vector<std::string> compacted;  // topics: keys

  std::vector<std::string> AllTopics() const;
  bool IsSnapshots(std::string_view topic) const;
};

// "health_code" of "health_code.inbox".
std::string_view ServiceOf(std::string_view topic);

// As the brokers say. Topics without the prefix and those of no service (whoever has neither an
// inbox nor a topic of snapshots) are somebody else's. NOT_FOUND LOG_NOT_THERE.
Result<LogLayout> FindLayout(const KafkaLogOptions& options);

}  // namespace epigrid::log_backup
