#include "common/kafka/topics.h"

#include <fmt/format.h>

#include <array>
#include <set>
#include <thread>

namespace epigrid {
namespace {

using SteadyClock = std::chrono::steady_clock;
using NewTopic = KafkaOwned<rd_kafka_NewTopic_t, &rd_kafka_NewTopic_destroy>;
using Resource = KafkaOwned<rd_kafka_ConfigResource_t, &rd_kafka_ConfigResource_destroy>;

// What a broker tells of a topic that was made a moment ago may be late.
constexpr Duration kLookAgain = std::chrono::milliseconds(50);

using Metadata = KafkaOwned<const rd_kafka_metadata_t, &rd_kafka_metadata_destroy>;

struct FoundTopic {
  uint32_t partitions = 0;
  std::set<uint32_t> replications;  // of its partitions
};

Result<std::map<std::string, FoundTopic>> FindTopics(rd_kafka_t* client, Duration deadline) {
  const rd_kafka_metadata_t* raw = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client, 1, nullptr, &raw, KafkaMillis(deadline));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaStatus(error, "list the topics");
  const Metadata metadata(raw);
  std::map<std::string, FoundTopic> found;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic& topic = metadata->topics[i];
    if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    FoundTopic& entry = found[topic.topic];
    entry.partitions = static_cast<uint32_t>(topic.partition_cnt);
    for (int p = 0; p < topic.partition_cnt; ++p) {
      entry.replications.insert(static_cast<uint32_t>(topic.partitions[p].replica_cnt));
    }
  }
  return found;
}

Result<NewTopic> MakeNewTopic(const KafkaTopicSpec& spec) {
  std::array<char, 512> error{};
  NewTopic topic(rd_kafka_NewTopic_new(spec.name.c_str(), static_cast<int>(spec.partitions),
                                       static_cast<int>(spec.replication), error.data(),
                                       error.size()));
  if (topic == nullptr) {
    return FailedPrecondition("LOG_MISMATCH",
                              fmt::format("topic {} cannot be made: {}", spec.name, error.data()));
  }
  for (const auto& [name, value] : spec.settings) {
    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  }
  return topic;
}

Status CreateTopics(rd_kafka_t* client, const std::vector<KafkaTopicSpec>& missing,
                    Duration deadline) {
  std::vector<NewTopic> topics;
  std::vector<rd_kafka_NewTopic_t*> raw;
  for (const KafkaTopicSpec& spec : missing) {
    EPIGRID_ASSIGN_OR_RETURN(NewTopic topic, MakeNewTopic(spec));
    raw.push_back(topic.get());
    topics.push_back(std::move(topic));
  }
  const KafkaQueue queue(rd_kafka_queue_new(client));
  const KafkaAdminOptions options =
      NewKafkaAdminOptions(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, deadline);
  rd_kafka_CreateTopics(client, raw.data(), raw.size(), options.get(), queue.get());
  EPIGRID_ASSIGN_OR_RETURN(const KafkaEvent answer,
                           AwaitKafkaAnswer(queue.get(), deadline, "create topics"));
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    // Somebody else, who starts at the same moment, may have made it.
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      continue;
    }
    const char* detail = rd_kafka_topic_result_error_string(results[i]);
    const std::string doing =
        fmt::format("create topic {}", rd_kafka_topic_result_name(results[i]));
    if (error == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR ||
        error == RD_KAFKA_RESP_ERR_INVALID_CONFIG || error == RD_KAFKA_RESP_ERR_POLICY_VIOLATION) {
      return FailedPrecondition("LOG_MISMATCH",
                                fmt::format("the brokers will not {}: {}", doing,
                                            detail == nullptr ? KafkaErrorText(error) : detail));
    }
    return KafkaStatus(error, doing, detail == nullptr ? "" : detail);
  }
  return OkStatus();
}

// The settings in force of each topic.
Result<std::map<std::string, std::map<std::string, std::string>>> DescribeTopics(
    rd_kafka_t* client, const std::vector<KafkaTopicSpec>& topics, Duration deadline) {
  std::vector<Resource> resources;
  std::vector<rd_kafka_ConfigResource_t*> raw;
  for (const KafkaTopicSpec& spec : topics) {
    resources.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, spec.name.c_str()));
    raw.push_back(resources.back().get());
  }
  const KafkaQueue queue(rd_kafka_queue_new(client));
  const KafkaAdminOptions options =
      NewKafkaAdminOptions(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, deadline);
  rd_kafka_DescribeConfigs(client, raw.data(), raw.size(), options.get(), queue.get());
  EPIGRID_ASSIGN_OR_RETURN(const KafkaEvent answer,
                           AwaitKafkaAnswer(queue.get(), deadline, "describe the topics"));
  size_t count = 0;
  const rd_kafka_ConfigResource_t** described = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(answer.get()), &count);
  std::map<std::string, std::map<std::string, std::string>> found;
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(described[i]);
    const char* topic = rd_kafka_ConfigResource_name(described[i]);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return KafkaStatus(error, fmt::format("describe topic {}", topic));
    }
    size_t entries = 0;
    const rd_kafka_ConfigEntry_t** settings =
        rd_kafka_ConfigResource_configs(described[i], &entries);
    for (size_t e = 0; e < entries; ++e) {
      const char* value = rd_kafka_ConfigEntry_value(settings[e]);
      found[topic][rd_kafka_ConfigEntry_name(settings[e])] = value == nullptr ? "" : value;
    }
  }
  return found;
}

void CompareShape(const KafkaTopicSpec& spec, const FoundTopic& found, bool replication,
                  std::vector<std::string>& differences) {
  if (found.partitions != spec.partitions) {
    differences.push_back(fmt::format("topic {} has {} partitions, not {}", spec.name,
                                      found.partitions, spec.partitions));
  }
  if (!replication) return;
  for (const uint32_t replicas : found.replications) {
    if (replicas == spec.replication) continue;
    differences.push_back(fmt::format("topic {} has replication factor {}, not {}", spec.name,
                                      replicas, spec.replication));
  }
}

Status Mismatch(const std::vector<std::string>& differences) {
  if (differences.empty()) return OkStatus();
  std::string text;
  for (const std::string& difference : differences) {
    text += (text.empty() ? "" : "; ") + difference;
  }
  return FailedPrecondition(
      "LOG_MISMATCH",
      fmt::format("the log's topics are not as configured: {}; configure what is there, or alter "
                  "the topics",
                  text));
}

// Those of `topics` that are there, once all are or the deadline has passed.
Result<std::map<std::string, FoundTopic>> AwaitTopics(rd_kafka_t* client,
                                                      const std::vector<KafkaTopicSpec>& topics,
                                                      Duration deadline) {
  const SteadyClock::time_point give_up = SteadyClock::now() + deadline;
  for (;;) {
    EPIGRID_ASSIGN_OR_RETURN(auto found, FindTopics(client, deadline));
    bool all = true;
    for (const KafkaTopicSpec& spec : topics) all &= found.contains(spec.name);
    if (all || SteadyClock::now() >= give_up) return found;
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace

Result<std::map<std::string, uint32_t>> ListKafkaTopics(rd_kafka_t* client, Duration deadline) {
  EPIGRID_ASSIGN_OR_RETURN(const auto found, FindTopics(client, deadline));
  std::map<std::string, uint32_t> partitions;
  for (const auto& [name, topic] : found) partitions[name] = topic.partitions;
  return partitions;
}

Status SetKafkaTopicSettings(rd_kafka_t* client, const std::vector<KafkaTopicSpec>& topics,
                             Duration deadline) {
  static constexpr std::string_view kDoing = "alter the topics";
  std::vector<Resource> resources;
  std::vector<rd_kafka_ConfigResource_t*> raw;
  for (const KafkaTopicSpec& spec : topics) {
    resources.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, spec.name.c_str()));
    raw.push_back(resources.back().get());
    for (const auto& [name, value] : spec.settings) {
      rd_kafka_ConfigResource_set_config(raw.back(), name.c_str(), value.c_str());
    }
  }
  const KafkaQueue queue(rd_kafka_queue_new(client));
  const KafkaAdminOptions options =
      NewKafkaAdminOptions(client, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, deadline);
  rd_kafka_AlterConfigs(client, raw.data(), raw.size(), options.get(), queue.get());
  EPIGRID_ASSIGN_OR_RETURN(const KafkaEvent answer,
                           AwaitKafkaAnswer(queue.get(), deadline, kDoing));
  size_t count = 0;
  const rd_kafka_ConfigResource_t** altered = rd_kafka_AlterConfigs_result_resources(
      rd_kafka_event_AlterConfigs_result(answer.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(altered[i]);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return KafkaStatus(error, kDoing, rd_kafka_ConfigResource_name(altered[i]));
    }
  }
  return OkStatus();
}

std::map<std::string, std::string> KafkaFactTopicSettings(uint32_t min_insync_replicas) {
  return {{"cleanup.policy", "delete"},
          {"max.message.bytes", std::to_string(2 << 20)},
          {"message.timestamp.type", "LogAppendTime"},
          {"min.insync.replicas", std::to_string(min_insync_replicas)},
          {"retention.bytes", "-1"},
          {"retention.ms", "-1"},
          {"unclean.leader.election.enable", "false"}};
}

std::map<std::string, std::string> KafkaCompactedTopicSettings(uint32_t min_insync_replicas) {
  std::map<std::string, std::string> settings = KafkaFactTopicSettings(min_insync_replicas);
  settings["cleanup.policy"] = "compact";
  settings["max.compaction.lag.ms"] = "86400000";
  settings["min.compaction.lag.ms"] = "3600000";
  return settings;
}

Status EnsureKafkaTopics(rd_kafka_t* client, KafkaTopicCare care,
                         const std::vector<KafkaTopicSpec>& topics, Duration deadline) {
  EPIGRID_ASSIGN_OR_RETURN(auto found, FindTopics(client, deadline));
  std::vector<KafkaTopicSpec> missing;
  for (const KafkaTopicSpec& spec : topics) {
    if (!found.contains(spec.name)) missing.push_back(spec);
  }
  if (!missing.empty() && care == KafkaTopicCare::kCreate) {
    EPIGRID_RETURN_IF_ERROR(CreateTopics(client, missing, deadline));
    EPIGRID_ASSIGN_OR_RETURN(found, AwaitTopics(client, topics, deadline));
    for (const KafkaTopicSpec& spec : missing) {
      if (!found.contains(spec.name)) {
        return Unavailable("LOG_UNAVAILABLE",
                           fmt::format("topic {} was ordered and is not there yet", spec.name));
      }
    }
  }
  std::vector<std::string> differences;
  for (const KafkaTopicSpec& spec : topics) {
    if (found.contains(spec.name)) {
      CompareShape(spec, found[spec.name], care != KafkaTopicCare::kTrust, differences);
    } else {
      differences.push_back(fmt::format("topic {} is missing", spec.name));
    }
  }
  EPIGRID_RETURN_IF_ERROR(Mismatch(differences));
  if (care == KafkaTopicCare::kTrust) return OkStatus();
  EPIGRID_ASSIGN_OR_RETURN(auto settings, DescribeTopics(client, topics, deadline));
  for (const KafkaTopicSpec& spec : topics) {
    for (const auto& [name, wanted] : spec.settings) {
      const std::string& in_force = settings[spec.name][name];
      if (in_force == wanted) continue;
      differences.push_back(
          fmt::format("topic {} has {} {}, not {}", spec.name, name, in_force, wanted));
    }
  }
  return Mismatch(differences);
}

Status KafkaStatus(rd_kafka_resp_err_t error, std::string_view doing, std::string_view detail) {
  const std::string why = detail.empty() ? KafkaErrorText(error) : std::string(detail);
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return {Code::kPermissionDenied, "LOG_FORBIDDEN",
              fmt::format("the brokers do not let this user {}: {}; see the list of what it needs "
                          "in docs/playbooks/log-unavailable.md",
                          doing, why)};
    default: return Unavailable("LOG_UNAVAILABLE", fmt::format("cannot {}: {}", doing, why));
  }
}

Result<KafkaEvent> AwaitKafkaAnswer(rd_kafka_queue_t* queue, Duration deadline,
                                    std::string_view doing) {
  // The client itself answers when the deadline has passed.
  KafkaEvent answer(rd_kafka_queue_poll(queue, KafkaMillis(deadline) + 500));
  if (answer == nullptr) return KafkaStatus(RD_KAFKA_RESP_ERR__TIMED_OUT, doing);
  const rd_kafka_resp_err_t error = rd_kafka_event_error(answer.get());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return answer;
  return KafkaStatus(error, doing, rd_kafka_event_error_string(answer.get()));
}

KafkaAdminOptions NewKafkaAdminOptions(rd_kafka_t* client, rd_kafka_admin_op_t operation,
                                       Duration deadline) {
  KafkaAdminOptions options(rd_kafka_AdminOptions_new(client, operation));
  std::array<char, 512> error{};
  EPIGRID_CHECK(
      rd_kafka_AdminOptions_set_request_timeout(options.get(), KafkaMillis(deadline), error.data(),
                                                error.size()) == RD_KAFKA_RESP_ERR_NO_ERROR,
      error.data());
  return options;
}

}  // namespace epigrid
