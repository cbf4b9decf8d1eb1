#include "common/kafka/handle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "common/log/log.h"

namespace epigrid {
namespace {

using KafkaConfig = KafkaOwned<rd_kafka_conf_t, &rd_kafka_conf_destroy>;

// Levels are syslog's.
constexpr int kSyslogWarning = 4;

void WriteLog(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  // Each client says of settings that they are experimental or have no effect, as they are meant.
  if (std::string_view(facility) == "CONFWARN") return;
  const Safe name(client == nullptr ? "" : rd_kafka_name(client));
  if (level < kSyslogWarning) {
    EPIGRID_LOG_WARN("kafka.client", {"client", name}, {"facility", Safe(facility)},
                     {"message", Redacted(text)});
  } else {
    EPIGRID_LOG_INFO("kafka.client", {"client", name}, {"facility", Safe(facility)},
                     {"message", Redacted(text)});
  }
}

Status Invalid(std::string_view why) {
  return FailedPrecondition("KAFKA_CONFIG_INVALID",
                            fmt::format("no client of Kafka can be made: {}", why));
}

void AddSecurity(const KafkaOptions& options, KafkaSettings& settings) {
  const bool sasl = !options.sasl_user.empty();
  settings.emplace_back("security.protocol", options.tls ? (sasl ? "sasl_ssl" : "ssl")
                                                         : (sasl ? "sasl_plaintext" : "plaintext"));
  if (options.tls) {
    if (!options.tls_ca.empty()) settings.emplace_back("ssl.ca.location", options.tls_ca);
    if (!options.tls_certificate.empty()) {
      settings.emplace_back("ssl.certificate.location", options.tls_certificate);
      settings.emplace_back("ssl.key.location", options.tls_key);
    }
  }
  if (sasl) {
    settings.emplace_back("sasl.mechanism", "SCRAM-SHA-512");
    settings.emplace_back("sasl.username", options.sasl_user);
    settings.emplace_back("sasl.password", options.sasl_password);
  }
}

}  // namespace

void DestroyKafka(rd_kafka_t* client) {
  rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

Result<KafkaClient> NewKafkaClient(rd_kafka_type_t type, const KafkaOptions& options,
                                   const KafkaSettings& settings, int events,
                                   KafkaCallbacks callbacks) {
  KafkaSettings all = {
      {"bootstrap.servers", options.brokers},
      {"client.id", options.client_id},
      // A lost connection is found soon, and made again soon.
      {"socket.keepalive.enable", "true"},
      {"socket.timeout.ms", std::to_string(std::max(1000, KafkaMillis(options.deadline)))},
      {"reconnect.backoff.ms", "50"},
      {"reconnect.backoff.max.ms", "1000"},
      {"socket.nagle.disable", "true"},
      // Brokers close idle connections: that is nothing to tell.
      {"log.connection.close", "false"}};
  AddSecurity(options, all);
  all.insert(all.end(), settings.begin(), settings.end());
  KafkaConfig config(rd_kafka_conf_new());
  std::array<char, 512> error{};
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(config.get(), name.c_str(), value.c_str(), error.data(), error.size()) !=
        RD_KAFKA_CONF_OK) {
      return Invalid(error.data());
    }
  }
  rd_kafka_conf_set_log_cb(config.get(), &WriteLog);
  rd_kafka_conf_set_events(config.get(), events);
  if (callbacks.rebalance != nullptr) {
    rd_kafka_conf_set_rebalance_cb(config.get(), callbacks.rebalance);
    rd_kafka_conf_set_opaque(config.get(), callbacks.opaque);
  }
  KafkaClient client(rd_kafka_new(type, config.get(), error.data(), error.size()));
  if (client == nullptr) return Invalid(error.data());
  std::ignore = config.release();  // the client has it now
  return client;
}

Result<KafkaClient> NewKafkaWriter(const KafkaOptions& options, Duration linger,
                                   const KafkaSettings& settings) {
  const auto millis = std::chrono::duration<double, std::milli>(linger).count();
  KafkaSettings all = {{"enable.idempotence", "true"},
                       {"acks", "all"},
                       {"message.timeout.ms", "0"},
                       {"linger.ms", fmt::format("{}", millis)}};
  all.insert(all.end(), settings.begin(), settings.end());
  return NewKafkaClient(RD_KAFKA_PRODUCER, options, all, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
}

KafkaSettings KafkaBulkSettings() {
  return {{"enable.gapless.guarantee", "true"},
          {"batch.num.messages", "10000"},
          {"batch.size", std::to_string(1 << 20)},
          {"message.max.bytes", std::to_string(2 << 20)},
          {"compression.type", "lz4"}};
}

Status KafkaLoginRefused(rd_kafka_t* client, Status failed) {
  const KafkaQueue queue(rd_kafka_queue_get_main(client));
  while (const KafkaEvent event{rd_kafka_queue_poll(queue.get(), 0)}) {
    if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_ERROR ||
        rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR__AUTHENTICATION) {
      continue;
    }
    failed = {Code::kPermissionDenied, "LOG_FORBIDDEN",
              fmt::format("the brokers refuse log.kafka_user and log.kafka_password: {}",
                          rd_kafka_event_error_string(event.get()))};
  }
  return failed;
}

int KafkaMillis(Duration duration) {
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::clamp<int64_t>(millis, 0, std::numeric_limits<int>::max()));
}

std::string KafkaErrorText(rd_kafka_resp_err_t error) { return rd_kafka_err2str(error); }

}  // namespace epigrid
