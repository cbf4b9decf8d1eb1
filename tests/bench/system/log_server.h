// LogServer: the log of a world: one Redis process synced to disk before every answer, or one Kafka
// broker that acknowledges what it has in memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/kafka/options.h"

namespace epigrid::bench {

class LogServer {
 public:
  virtual ~LogServer() = default;
  // How epigrid-dev is told of it.
  virtual std::vector<std::string> Flags() const = 0;
  virtual double CpuSeconds() const = 0;
  // What it has done when it acknowledges a record.
  virtual std::string Acknowledges() const = 0;
  // For a client of the bench's own; null: it is no Kafka.
  virtual const KafkaOptions* kafka() const { return nullptr; }
};

// "redis" or "kafka".
std::unique_ptr<LogServer> StartLogServer(const std::string& kind);

}  // namespace epigrid::bench
