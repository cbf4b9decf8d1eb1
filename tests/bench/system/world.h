// World: what a benchmark of the whole system runs against: two Redis processes, epigrid-dev, and a
// bare echo server that answers the same messages, each in a process of its own.
#pragma once

#include <grpcpp/channel.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/redis/testing/redis_server.h"
#include "tests/bench/system/child_process.h"
#include "tests/fakes/temporary_directory.h"
#include "tools/demo/backend.h"
#include "tools/demo/receiver.h"

namespace epigrid::bench {

class World {
 public:
  // `bin` holds epigrid-dev and epigrid-master-key. Without a callers file everyone is an operator;
  // with one `token` is that of an operator.
  World(const std::filesystem::path& bin, const std::string& own_program,
        const std::string& callers = "", const std::string& token = "");
  ~World();

  const std::string& address() const { return address_; }
  pid_t epigrid_pid() const { return epigrid_->pid(); }
  // Fresh channels with connections of their own.
  std::vector<std::shared_ptr<grpc::Channel>> Channels(size_t count) const;
  std::vector<std::shared_ptr<grpc::Channel>> EchoChannels(size_t count) const;
  // CPU time used so far.
  double echo_cpu_seconds() const { return CpuSeconds(echo_->pid()); }
  double epigrid_cpu_seconds() const { return CpuSeconds(epigrid_->pid()); }
  double log_cpu_seconds() const { return CpuSeconds(log_.pid()); }
  double view_cpu_seconds() const { return CpuSeconds(view_.pid()); }
  demo::Backend& backend() { return *backend_; }
  demo::Receiver& receiver() { return *receiver_; }

 private:
  RedisServer log_{
      {.config = {"--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage",
                  "0", "--maxmemory-policy", "noeviction"}}};
  RedisServer view_{{.config = {"--maxmemory-policy", "noeviction"}}};
  const TemporaryDirectory directory_;
  std::unique_ptr<demo::Receiver> receiver_;
  std::string address_;
  std::string echo_address_;
  std::unique_ptr<ChildProcess> echo_;
  std::unique_ptr<ChildProcess> epigrid_;
  std::unique_ptr<demo::Backend> backend_;
};

// Serves the echo until it is killed: what the program does when started with --echo ADDRESS.
int ServeEcho(const std::string& address);

}  // namespace epigrid::bench
