#include "tests/bench/system/log_server.h"

#include "common/kafka/testing/kafka_server.h"
#include "common/redis/testing/redis_server.h"
#include "tests/bench/system/child_process.h"

namespace epigrid::bench {
namespace {

class RedisLog final : public LogServer {
 public:
  std::vector<std::string> Flags() const override {
    return {"--log-redis-address=unix:" + server_.address().unix_socket};
  }
  double CpuSeconds() const override { return bench::CpuSeconds(server_.pid()); }
  std::string Acknowledges() const override { return "log synced before every answer"; }

 private:
  RedisServer server_{
      {.config = {"--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage",
                  "0", "--maxmemory-policy", "noeviction"}}};
};

class KafkaBroker final : public LogServer {
 public:
  std::vector<std::string> Flags() const override {
    return {"--log-kind=kafka", "--log-kafka-brokers=" + options_.brokers,
            "--log-kafka-replication=1", "--log-kafka-min-insync-replicas=1"};
  }
  double CpuSeconds() const override { return bench::CpuSeconds(server_.pid()); }
  std::string Acknowledges() const override { return "one Kafka broker, RF 1, acks=all"; }
  const KafkaOptions* kafka() const override { return &options_; }

 private:
  KafkaServer server_;
  const KafkaOptions options_ = server_.options();
};

}  // namespace

std::unique_ptr<LogServer> StartLogServer(const std::string& kind) {
  if (kind == "kafka") return std::make_unique<KafkaBroker>();
  return std::make_unique<RedisLog>();
}

}  // namespace epigrid::bench
