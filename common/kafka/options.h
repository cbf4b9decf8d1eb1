// KafkaOptions: which brokers, and how a client of them is known and protected.
#pragma once

#include <string>

#include "common/base/clock.h"

namespace epigrid {

struct KafkaOptions {
  // "host:port,host:port": some of the brokers; the others are learnt from them.
  std::string brokers;
  // Names this process in the brokers' logs and in the description of its groups.
  std::string client_id = "epigrid";
  // Whether connections are encrypted. tls_ca: a file of PEM certificates by which brokers are
  // known; empty: those of the system.
  bool tls = false;
  std::string tls_ca;
  // PEM files by which brokers know this client; both or neither.
  std::string tls_certificate;
  std::string tls_key;
  // SASL/SCRAM-SHA-512; empty: none. Debian 12's librdkafka (2.0) logs in to brokers up to Kafka
  // 3.9: those from 4.0 on refuse what it sends (mended in librdkafka 2.6.1).
  std::string sasl_user;
  std::string sasl_password;
  // Of one question to the cluster.
  Duration deadline = std::chrono::seconds(5);
};

}  // namespace epigrid
