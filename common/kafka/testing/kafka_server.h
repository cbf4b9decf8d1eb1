// KafkaServer: a real Apache Kafka of a test's own, one broker, by deploy/kafka/kafka.
//
//   KafkaServer server;
//   KafkaLog log(loop, {.kafka = server.options(), ...});
//   server.Kill();
//   server.Start();
//
// It takes seconds to start: share it between tests, with a topic prefix for each. It has a
// temporary directory of its own, serves when the constructor returns, and ends with the object;
// also when the test's process does, however that dies. Failures abort the test with a message.
// Used by one thread.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "common/kafka/options.h"
#include "tests/fakes/temporary_directory.h"

namespace epigrid {

class KafkaServer {
 public:
  explicit KafkaServer(bool tls = false);
  ~KafkaServer();
  KafkaServer(const KafkaServer&) = delete;
  KafkaServer& operator=(const KafkaServer&) = delete;

  // How clients reach it.
  KafkaOptions options() const;
  pid_t pid() const;

  // By SIGKILL, as a crash would.
  void Kill() const { Run("kill 1"); }
  // Serves when this returns.
  void Start() const { Run("start-broker 1"); }
  // The process stands still, with all of its threads when this returns, and goes on.
  void Pause() const;
  void Resume() const { Signal(SIGCONT); }

 private:
  void Signal(int signal) const;
  void Run(const std::string& arguments) const;
  std::string Read(const std::string& file) const;

  const bool tls_;
  const TemporaryDirectory directory_;
  std::FILE* stopper_ = nullptr;  // stops the brokers when its input ends
};

}  // namespace epigrid
