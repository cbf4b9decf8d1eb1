// KafkaConfig: the settings log.kafka_*, of a log on Kafka.
#pragma once

#include <filesystem>
#include <string>

#include "common/config/config.h"
#include "common/event_log/kafka_group.h"
#include "common/event_log/kafka_log.h"

namespace epigrid {

struct KafkaConfig {
  std::string brokers;
  std::string topic_prefix;
  std::string topics = "create";
  uint32_t replication = 3;
  uint32_t min_insync_replicas = 2;
  Duration session_timeout = std::chrono::seconds(6);
  bool tls = false;
  std::filesystem::path tls_ca;
  std::filesystem::path tls_certificate;
  std::filesystem::path tls_key;
  std::string user;
  Secret password;

  // Declares the settings and the rules between them; `kind` is what log.kind says.
  void AddTo(ConfigSpec& spec, const std::string* kind);

  // For a process of this name.
  KafkaLogOptions LogOptions(const std::string& instance) const;
  KafkaGroupOptions GroupOptions(const std::string& instance, const std::string& service) const;

 private:
  KafkaOptions ClientOptions(const std::string& instance) const;
};

}  // namespace epigrid
