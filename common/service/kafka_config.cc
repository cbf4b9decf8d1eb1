#include "common/service/kafka_config.h"

#include <algorithm>
#include <string_view>

namespace epigrid {
namespace {

KafkaTopicCare TopicCare(std::string_view topics) {
  if (topics == "create") return KafkaTopicCare::kCreate;
  return topics == "check" ? KafkaTopicCare::kCheck : KafkaTopicCare::kTrust;
}

}  // namespace

void KafkaConfig::AddTo(ConfigSpec& spec, const std::string* kind) {
  spec.Add(&brokers, "log.kafka_brokers",
           "host:port,host:port of some of the brokers, for log.kind kafka");
  spec.Add(&topic_prefix, "log.kafka_topic_prefix",
           "in front of every topic and group: several systems, each with its own, may share the "
           "brokers");
  spec.Add(&topics, "log.kafka_topics",
           "create makes the topics that are missing and compares the others, check makes none, "
           "trust compares the number of partitions alone")
      .OneOf({"create", "check", "trust"});
  spec.Add(&replication, "log.kafka_replication", "how many brokers hold each record").Range(1, 7);
  spec.Add(&min_insync_replicas, "log.kafka_min_insync_replicas",
           "how many of them have a record before it is acknowledged; with 1 the loss of a broker "
           "loses acknowledged records")
      .Range(1, 7);
  spec.Add(&session_timeout, "log.kafka_session_timeout",
           "how long a projector may be silent before others take its shards; the brokers' "
           "group.min.session.timeout.ms bounds it from below")
      .Range(std::chrono::seconds(1), std::chrono::minutes(5));
  spec.Add(&tls, "log.kafka_tls", "whether connections to the brokers are encrypted");
  spec.Add(&tls_ca, "log.kafka_tls_ca",
           "PEM file of the certificates by which brokers are known; empty: the system's");
  spec.Add(&tls_certificate, "log.kafka_tls_certificate",
           "PEM file of the certificate by which brokers know this process; empty: none. This and "
           "the other files of TLS are read at the start alone: restart to renew them");
  spec.Add(&tls_key, "log.kafka_tls_key", "PEM file of its private key");
  spec.Add(&user, "log.kafka_user",
           "user for SASL/SCRAM-SHA-512; empty: none. Brokers from Kafka 4.0 on refuse what "
           "librdkafka before 2.6.1 (Debian 12 has 2.0) sends: use client certificates there");
  spec.Add(&password, "log.kafka_password", "password of that user");
  spec.AddCheck({"log.kind", "log.kafka_brokers"}, [this, kind]() -> std::string {
    if (*kind == "kafka" && brokers.empty())
      return "log.kafka_brokers: needed where log.kind is kafka";
    if (*kind != "kafka" && !brokers.empty())
      return "log.kafka_brokers: only for log.kind kafka; set that, or leave this out";
    return "";
  });
  spec.AddCheck({"log.kafka_replication", "log.kafka_min_insync_replicas"},
                [this]() -> std::string {
                  if (min_insync_replicas <= replication) return "";
                  return "log.kafka_min_insync_replicas: not more than log.kafka_replication";
                });
  spec.AddCheck({"log.kafka_topic_prefix"}, [this]() -> std::string {
    const bool plain = topic_prefix.size() <= 100 && std::ranges::all_of(topic_prefix, [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                (c >= '0' && c <= '9') ||
                                std::string_view("_-.").find(c) != std::string_view::npos;
                       });
    return plain ? "" : "log.kafka_topic_prefix: at most 100 letters, digits, _, - and .";
  });
  spec.AddCheck({"log.kafka_tls", "log.kafka_tls_certificate", "log.kafka_tls_key"},
                [this]() -> std::string {
                  if (tls_certificate.empty() != tls_key.empty())
                    return "log.kafka_tls_certificate, log.kafka_tls_key: both or neither";
                  if (!tls && !(tls_certificate.empty() && tls_ca.empty()))
                    return "log.kafka_tls: true is needed with certificates";
                  return "";
                });
  spec.AddCheck({"log.kafka_user", "log.kafka_password"}, [this]() -> std::string {
    return user.empty() == password.empty() ? ""
                                            : "log.kafka_user, log.kafka_password: both or neither";
  });
}

KafkaOptions KafkaConfig::ClientOptions(const std::string& instance) const {
  KafkaOptions options;
  options.brokers = brokers;
  options.client_id = instance;
  options.tls = tls;
  options.tls_ca = tls_ca.string();
  options.tls_certificate = tls_certificate.string();
  options.tls_key = tls_key.string();
  options.sasl_user = user;
  options.sasl_password = password.Reveal();
  return options;
}

KafkaLogOptions KafkaConfig::LogOptions(const std::string& instance) const {
  KafkaLogOptions options;
  options.kafka = ClientOptions(instance);
  options.topic_prefix = topic_prefix;
  options.topic_care = TopicCare(topics);
  options.replication = replication;
  options.min_insync_replicas = min_insync_replicas;
  return options;
}

KafkaGroupOptions KafkaConfig::GroupOptions(const std::string& instance,
                                            const std::string& service) const {
  return {.kafka = ClientOptions(instance),
          .group = topic_prefix + service,
          .topic = topic_prefix + service + ".inbox",
          .session_timeout = session_timeout};
}

}  // namespace epigrid
