#include "common/kafka/testing/kafka_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/base/status.h"
#include "tests/fakes/wait_until.h"

namespace epigrid {
namespace {

const char* const kScript = EPIGRID_SOURCE_DIR "/deploy/kafka/kafka";

}  // namespace

KafkaServer::KafkaServer(bool tls) : tls_(tls) {
  const std::string directory = directory_.path().string();
  const std::string stop =
      fmt::format("cat >/dev/null; exec '{}' stop --directory '{}' >>'{}/script.log' 2>&1", kScript,
                  directory, directory);
  stopper_ = popen(stop.c_str(), "we");
  EPIGRID_CHECK(stopper_ != nullptr, "no process to stop Kafka by");
  Run(tls ? "start --tls" : "start");
}

KafkaServer::~KafkaServer() { pclose(stopper_); }

KafkaOptions KafkaServer::options() const {
  KafkaOptions options;
  options.brokers = Read("bootstrap");
  options.client_id = "test";
  options.tls = tls_;
  if (tls_) options.tls_ca = (directory_.path() / "ca.pem").string();
  return options;
}

pid_t KafkaServer::pid() const { return std::stoi(Read("broker-1/pid")); }

void KafkaServer::Signal(int signal) const {
  EPIGRID_CHECK(kill(pid(), signal) == 0, "the broker runs");
}

void KafkaServer::Pause() const {
  Signal(SIGSTOP);
  const std::filesystem::path threads = fmt::format("/proc/{}/task", pid());
  WaitUntil([&] {
    return std::ranges::all_of(
        std::filesystem::directory_iterator(threads), [](const auto& thread) {
          std::string stat;
          std::getline(std::ifstream(thread.path() / "stat"), stat);
          const size_t state = stat.rfind(") ") + 2;  // behind the name, which may hold anything
          return state < stat.size() && stat[state] == 'T';
        });
  });
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
