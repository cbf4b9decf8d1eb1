// Process: what every binary has around its services: configuration, log, metrics, the gRPC and the
// admin port, signals and an end without loss.
//
//   int main(int argc, char** argv) {
//     epigrid::Process process("health_code");
//     epigrid::health_code::Config config;
//     config.AddTo(process.config());
//     if (std::optional<int> exit_code = process.Configure(argc, argv)) return *exit_code;
//     epigrid::health_code::App app(config, process);   // process.AddService, process.OnStop
//     return process.Run();
//   }
//
// The end. SIGTERM or SIGINT: not ready any more; server.drain_delay goes by; new calls are refused
// with DRAINING (but for what is served to the end, pipeline.h) while those in flight finish, for
// at most server.drain_deadline; connections are closed, and the server shuts down; the
// OnStopBegins functions run, and the OnStop functions, last added first; Run returns 0. A second
// one ends the process at once. SIGHUP reads the callers and the certificates anew, which also
// happens by itself within seconds of a change of the files; one that has errors or cannot be read
// changes nothing and is logged.
//
// Life cycle: one per process, made first in main: it blocks the signals, so that all threads made
// later leave them to Run. What was added must live until Run has returned. Threads: used from
// main's; readiness() and RequestStop from any.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/app/admin_server.h"
#include "common/app/readiness.h"
#include "common/app/rpc_server.h"
#include "common/app/server_config.h"
#include "common/base/event_loop.h"
#include "common/base/ids.h"
#include "common/config/config.h"
#include "common/metrics/metrics.h"
#include "common/rpc/callers.h"
#include "common/rpc/pipeline.h"

namespace epigrid {

class Process {
 public:
  // `name` is the service's, in every log line.
  explicit Process(std::string name);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  ConfigSpec& config() { return spec_; }

  // Reads the configuration and the callers, and starts the log. A value: the process ends with
  // this exit code; 0 after --help or --print-config, 2 after errors, which are on stderr.
  std::optional<int> Configure(int argc, const char* const* argv);

  // After Configure.
  Pipeline& pipeline() { return *pipeline_; }
  const ServerConfig& server_config() const { return server_config_; }

  // Where calls are served, and what serving them waits for: Redis and other servers. One loop for
  // all APIs of the process.
  EventLoop& loop() { return *loop_; }
  // For calls to other servers.
  RpcQueue& rpc_queue() { return rpc_server_->queue(); }

  Metrics& metrics() { return metrics_; }
  RandomSource& random() { return random_; }
  Readiness& readiness() { return readiness_; }

  // A gRPC service by its full name, for example v1::HealthCodeService::service_full_name(). Its
  // health is that of the readiness part `part`, which the caller adds.
  void AddService(grpc::Service& service, std::string_view full_name, std::string_view part);
  // Whether a gRPC service of this full name was added.
  bool Serves(std::string_view full_name) const;
  // For what must stop after the last call and before the process ends: projectors, senders,
  // subscriptions.
  void OnStop(std::function<void()> stop);
  // For what such a stop can begin and need not wait for: all of it begins before the first of them
  // is waited for.
  void OnStopBegins(std::function<void()> begin) { stop_begins_.push_back(std::move(begin)); }

  // For whoever keeps up with files of its own: called every two seconds, and on SIGHUP, by Run.
  void OnLook(std::function<void()> look) { looks_.push_back(std::move(look)); }

  // Opens the admin port, runs `start`, which may take as long as what it needs is away, then
  // listens for calls and serves until it is told to stop; returns the exit code: 0, or 1 with the
  // reason in the log.
  int Run(const std::function<Status()>& start = OkStatus);
  // Whether the process shall end, for what `start` waits for.
  bool StopRequested() const;
  // As SIGTERM does.
  void RequestStop();

  // The ports in force once `on_listening` (set before Run) is called.
  void OnListening(std::function<void(int grpc_port, int admin_port)> on_listening) {
    on_listening_ = std::move(on_listening);
  }

 private:
  Status ReadCallers();
  void TellCallers() const;
  Status ListenForAdmin();
  Status ListenForCalls();
  // Ends what was begun; the exit code.
  int GiveUp(std::string_view event, const Status& why);
  void WatchCallers();
  // Until told to stop.
  void Serve();
  // The exit code.
  int Stop();

  const std::string name_;
  std::unique_ptr<EventLoop> loop_;
  ConfigSpec spec_;
  ServerConfig server_config_;
  Metrics metrics_;
  OpenSslRandom random_;
  Readiness readiness_;
  CallerDirectory callers_;
  std::filesystem::file_time_type callers_changed_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<RpcServer> rpc_server_;
  std::unique_ptr<AdminServer> admin_server_;
  std::vector<std::function<void()>> stop_begins_;
  std::vector<std::function<void()>> stops_;
  std::vector<std::function<void()>> looks_;
  std::function<void(int, int)> on_listening_;
  int signals_ = -1;       // signalfd
  int stop_request_ = -1;  // eventfd
};

}  // namespace epigrid
