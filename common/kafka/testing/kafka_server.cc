#include "common/kafka/testing/kafka_server.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "common/base/status.h"

namespace epigrid {
namespace {

const char* const kScript = EPIGRID_SOURCE_DIR "/deploy/kafka/kafka";

}  // namespace

KafkaServer::KafkaServer(Options options) : options_(options) {
  const std::string directory = directory_.path().string();
  const std::string stop =
      fmt::format("cat >/dev/null; exec '{}' stop --directory '{}' >>'{}/script.log' 2>&1", kScript,
                  directory, directory);
  stopper_ = popen(stop.c_str(), "we");
  EPIGRID_CHECK(stopper_ != nullptr, "no process to stop Kafka by");
  Run(fmt::format("start --brokers {}{}{}", options.brokers, options.tls ? " --tls" : "",
                  options.sasl ? " --sasl" : ""));
}

KafkaServer::~KafkaServer() { pclose(stopper_); }

KafkaOptions KafkaServer::options() const {
  KafkaOptions options;
  options.brokers = Read("bootstrap");
  options.client_id = "test";
  options.tls = options_.tls;
  if (options_.tls) options.tls_ca = (directory_.path() / "ca.pem").string();
  if (options_.sasl) {
    options.sasl_user = Read("user");
    options.sasl_password = Read("password");
  }
  return options;
}

void KafkaServer::Call(const std::string& command, int broker) const {
  Run(fmt::format("{} {}", command, broker));
}

void KafkaServer::Signal(int broker, int signal) const {
  const pid_t pid = std::stoi(Read(fmt::format("broker-{}/pid", broker)));
  EPIGRID_CHECK(kill(pid, signal) == 0, "a broker runs");
}

void KafkaServer::Run(const std::string& arguments) const {
  const std::string directory = directory_.path().string();
  const std::string command = fmt::format("'{}' {} --directory '{}' >>'{}/script.log' 2>&1",
                                          kScript, arguments, directory, directory);
  const int status = std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe)
  EPIGRID_CHECK(status == 0,
                fmt::format("deploy/kafka/kafka {}: {}", arguments, Read("script.log")));
}

std::string KafkaServer::Read(const std::string& file) const {
  std::ifstream stream(directory_.path() / file);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace epigrid
