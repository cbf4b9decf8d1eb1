// Topics as they are wanted: made where they are missing, compared where they are.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/kafka/handle.h"

namespace epigrid {

// What is done about topics.
enum class KafkaTopicCare : uint8_t {
  kCreate,  // those that are missing are made, and all compared
  kCheck,   // compared; one that is missing is an error: the operator makes them
  // Looks at the number of partitions alone, for who may not see a topic's settings.
  kTrust,
};

struct KafkaTopicSpec {
  std::string name;
  uint32_t partitions = 1;
  uint32_t replication = 1;
  std::map<std::string, std::string> settings;  // as the brokers name them: "retention.ms"
};

// The settings of a topic whose records stay until they are deleted one by one, up to 1 MiB each,
// stamped by the brokers.
std::map<std::string, std::string> KafkaFactTopicSettings(uint32_t min_insync_replicas);

// The same, but that of every key the last record stays, and what was before it goes within a day
// and not within an hour.
std::map<std::string, std::string> KafkaCompactedTopicSettings(uint32_t min_insync_replicas);

// All topics of the brokers by name, each with its number of partitions.
Result<std::map<std::string, uint32_t>> ListKafkaTopics(rd_kafka_t* client, Duration deadline);

// Gives topics the settings of their specs, and no others of their own.
Status SetKafkaTopicSettings(rd_kafka_t* client, const std::vector<KafkaTopicSpec>& topics,
                             Duration deadline);

// Blocks, for `deadline` a question. FAILED_PRECONDITION LOG_MISMATCH says everything that differs;
// PERMISSION_DENIED LOG_FORBIDDEN names what this client may not do; UNAVAILABLE LOG_UNAVAILABLE.
Status EnsureKafkaTopics(rd_kafka_t* client, KafkaTopicCare care,
                         const std::vector<KafkaTopicSpec>& topics, Duration deadline);

// The Status of an error that a broker or the client gave: LOG_FORBIDDEN, or LOG_UNAVAILABLE.
// `doing`: "describe the topics".
Status KafkaStatus(rd_kafka_resp_err_t error, std::string_view doing, std::string_view detail = {});

// Waits for the answer to a question of the admin API that was asked with this queue and deadline.
// What it says of each thing that was asked for is still to be looked at.
Result<KafkaEvent> AwaitKafkaAnswer(rd_kafka_queue_t* queue, Duration deadline,
                                    std::string_view doing);
KafkaAdminOptions NewKafkaAdminOptions(rd_kafka_t* client, rd_kafka_admin_op_t operation,
                                       Duration deadline);

}  // namespace epigrid
