#include "tools/log_backup/layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/crypto/key_table.h"
#include "common/kafka/topics.h"
#include "common/projector/emission.h"
#include "common/projector/snapshot.h"

namespace epigrid::log_backup {
std::vector<std::string> LogLayout::AllTopics() const {
  std::vector<std::string> all = facts;
  all.insert(all.end(), snapshots.begin(), snapshots.end());
  all.insert(all.end(), compacted.begin(), compacted.end());
  return all;
}

bool LogLayout::IsSnapshots(std::string_view topic) const {
  return std::ranges::find(snapshots, topic) != snapshots.end();
}

std::string_view ServiceOf(std::string_view topic) { return topic.substr(0, topic.find('.')); }

Result<LogLayout> FindLayout(const KafkaLogOptions& options) {
  EPIGRID_ASSIGN_OR_RETURN(const KafkaClient client,
                           NewKafkaClient(RD_KAFKA_PRODUCER, options.kafka, {}, 0));
  EPIGRID_ASSIGN_OR_RETURN(const auto found, ListKafkaTopics(client.get(), options.kafka.deadline));
  std::map<std::string, uint32_t> partitions;
  for (const auto& [name, count] : found) {
    if (!name.starts_with(options.topic_prefix)) continue;
    partitions[name.substr(options.topic_prefix.size())] = count;
  }
  LogLayout layout;
  for (const auto& [topic, count] : partitions) {
    const std::string_view service = ServiceOf(topic);
    const auto inbox = partitions.find(InboxTopic(service));
    if (inbox == partitions.end() || !partitions.contains(SnapshotTopic(service))) continue;
    layout.shard_count = count;
    if (topic == inbox->first) layout.services.emplace_back(service);
    if (topic == KeyTable::Options().topic) {
      layout.compacted.push_back(topic);
    } else {
      (topic == SnapshotTopic(service) ? layout.snapshots : layout.facts).push_back(topic);
    }
  }
  if (!layout.services.empty()) return layout;
  return NotFound("LOG_NOT_THERE",
                  fmt::format("there is no log under the prefix '{}' at {}: see log.kafka_brokers "
                              "and log.kafka_topic_prefix",
                              options.topic_prefix, options.kafka.brokers));
}

}  // namespace epigrid::log_backup
