// KafkaServer: a real Apache Kafka of a test's own, by deploy/kafka/kafka.
//
//   KafkaServer server;                                  // one broker
//   KafkaLog log(loop, {.kafka = server.options(), ...});
//   server.Kill(1);
//   server.Start(1);
//
// It takes seconds to start: share it between tests, with a topic prefix for each. It has a
// temporary directory of its own, serves when the constructor returns, and ends with the object;
// also when the test's process does, however that dies. Failures abort the test with a message.
// Used by one thread.
#pragma once

#include <csignal>
#include <cstdio>
#include <string>

#include "common/kafka/options.h"
#include "tests/fakes/temporary_directory.h"

namespace epigrid {

class KafkaServer {
 public:
  struct Options {
    int brokers = 1;  // or 3
    bool tls = false;
    bool sasl = false;
  };

  KafkaServer() : KafkaServer(Options{}) {}
  explicit KafkaServer(Options options);
  ~KafkaServer();
  KafkaServer(const KafkaServer&) = delete;
  KafkaServer& operator=(const KafkaServer&) = delete;

  // How clients reach it.
  KafkaOptions options() const;

  // One broker, by its number from 1. By SIGKILL, as a crash would.
  void Kill(int broker) const { Call("kill", broker); }
  // Serves when this returns.
  void Start(int broker) const { Call("start-broker", broker); }
  // The process stands still, and goes on.
  void Pause(int broker) const { Signal(broker, SIGSTOP); }
  void Resume(int broker) const { Signal(broker, SIGCONT); }

 private:
  void Call(const std::string& command, int broker) const;
  void Signal(int broker, int signal) const;
  void Run(const std::string& arguments) const;
  std::string Read(const std::string& file) const;

  const Options options_;
  const TemporaryDirectory directory_;
  std::FILE* stopper_ = nullptr;  // stops the brokers when its input ends
};

}  // namespace epigrid
