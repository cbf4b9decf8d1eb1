// World: what a benchmark of the whole system runs against: a log, a Redis process for the views,
// epigrid-dev, and a bare echo server that answers the same messages, each in a process of its own.
#pragma once

#include <grpcpp/channel.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/redis/testing/redis_server.h"
#include "tests/bench/system/child_process.h"
#include "tests/bench/system/log_server.h"
#include "tests/fakes/temporary_directory.h"
#include "tools/demo/backend.h"
#include "tools/demo/receiver.h"

namespace epigrid::bench {

struct WorldOptions {
  std::filesystem::path own_program;  // that serves the echo
  std::filesystem::path bin;          // holds epigrid-dev and epigrid-master-key
  std::string log = "redis";          // or "kafka"
  std::string channel = "webhook";    // by which messages go; or "file"
  // Without a callers file everyone is an operator; with one `token` is that of an operator.
  std::string callers;
  std::string token;
};

// Seconds of CPU time.
struct CpuUse {
  double epigrid, log, view;
  // What each of `items` took since `before`, in a table's words.
  std::string PerItemSince(const CpuUse& before, size_t items) const;
};

class World {
 public:
  explicit World(WorldOptions options);
  ~World();

  const std::string& address() const { return address_; }
  pid_t epigrid_pid() const { return epigrid_->pid(); }
  // Fresh channels with connections of their own.
  std::vector<std::shared_ptr<grpc::Channel>> Channels(size_t count) const;
  std::vector<std::shared_ptr<grpc::Channel>> EchoChannels(size_t count) const;
  // CPU time used so far.
  double echo_cpu_seconds() const { return CpuSeconds(echo_->pid()); }
  double epigrid_cpu_seconds() const { return CpuSeconds(epigrid_->pid()); }
  double view_cpu_seconds() const { return CpuSeconds(view_.pid()); }
  CpuUse cpu() const {
    return {
        .epigrid = epigrid_cpu_seconds(), .log = log_->CpuSeconds(), .view = view_cpu_seconds()};
  }
  demo::Backend& backend() { return *backend_; }
  const LogServer& log() const { return *log_; }
  const std::string& channel() const { return options_.channel; }
  // When the messages arrived that did at or after `begin`, by time; those in the file when this
  // came upon them.
  std::vector<Time> ArrivalsSince(Time begin);
  void EmptyViews();
  // Until everything is folded.
  void AwaitQuiet();

 private:
  void ReadMessageFile();

  const WorldOptions options_;
  const std::unique_ptr<LogServer> log_;
  RedisServer view_{{.config = {"--maxmemory-policy", "noeviction"}}};
  const TemporaryDirectory directory_;
  std::unique_ptr<demo::Receiver> receiver_;
  std::ifstream message_file_;
  std::vector<Time> in_file_;  // when each of its lines was found
  std::string address_;
  std::string echo_address_;
  std::unique_ptr<ChildProcess> echo_;
  std::unique_ptr<ChildProcess> epigrid_;
  std::unique_ptr<demo::Backend> backend_;
};

// Serves the echo until it is killed: what the program does when started with --echo ADDRESS.
int ServeEcho(const std::string& address);

}  // namespace epigrid::bench
