#include "common/app/process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <ranges>
#include <thread>

#include "common/app/libraries.h"
#include "common/config/command_line.h"
#include "common/log/log.h"

namespace epigrid {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(2000);
// For gRPC to let go of what it holds.
constexpr Duration kShutdownGrace = std::chrono::milliseconds(500);
// For handlers that outlive the drain: stopping what they wait for often ends them.
constexpr Duration kLastHandlersGrace = std::chrono::seconds(2);
constexpr int kFailed = 1;
// The part of the readiness that is the port for calls: the admin port answers before it is open.
constexpr std::string_view kPort = "port";

sigset_t HandledSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

Process::Process(std::string name)
    : name_(std::move(name)), callers_(Callers::EveryoneIsOperator()) {
  SwitchOffLockCycleSearch();
  const sigset_t signals = HandledSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signals_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  stop_request_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  EPIGRID_CHECK(signals_ >= 0 && stop_request_ >= 0, "no descriptors for signals");
  loop_ = std::make_unique<EventLoop>("api");
  rpc_server_ = std::make_unique<RpcServer>(*loop_, readiness_);
  readiness_.SetNotReady(kPort, "not listening yet");
  server_config_.AddTo(spec_);
  spec_.AddCheck({"server.callers"}, [this] { return ReadCallers().message(); });
}

Process::~Process() {
  rpc_server_.reset();
  admin_server_.reset();
  pipeline_.reset();
  close(signals_);
  close(stop_request_);
}

std::optional<int> Process::Configure(int argc, const char* const* argv) {
  if (std::optional<int> exit_code = LoadFromCommandLine(spec_, argc, argv)) return exit_code;
  StartLogging({.service = name_, .level = ParseLogLevel(server_config_.log_level)});
  TakeOverLibraryLogs();
  if (!server_config_.callers.empty()) TellCallers();
  PipelineOptions options = server_config_.pipeline;
  options.mtls = !server_config_.tls_client_ca.empty();
  pipeline_ = std::make_unique<Pipeline>(options, *loop_, callers_, metrics_, random_);
  return std::nullopt;
}

Status Process::ReadCallers() {
  if (server_config_.callers.empty()) return OkStatus();
  std::error_code ignored;  // an unreadable file is reported by ReadFile
  callers_changed_ = std::filesystem::last_write_time(server_config_.callers, ignored);
  EPIGRID_ASSIGN_OR_RETURN(std::string text, ReadFile(server_config_.callers));
  Callers::Parsed parsed = Callers::Parse(server_config_.callers.string(), text);
  if (parsed.callers == nullptr) {
    std::string message;
    for (const std::string& error : parsed.errors) message += (message.empty() ? "" : "\n") + error;
    return InvalidArgument("CALLERS_INVALID", std::move(message));
  }
  callers_.Replace(parsed.callers);
  return OkStatus();
}

void Process::TellCallers() const {
  EPIGRID_LOG_INFO("callers.read", {"callers", callers_.Get()->size()});
}

void Process::WatchCallers() {
  if (server_config_.callers.empty()) return;
  std::error_code unreadable;  // that too is a change, which ReadCallers reports once
  const auto changed = std::filesystem::last_write_time(server_config_.callers, unreadable);
  if (changed == callers_changed_) return;
  if (Status status = ReadCallers(); !status.ok()) {
    EPIGRID_LOG_ERROR("callers.unchanged", {status});
  } else {
    TellCallers();
  }
}

void Process::AddService(grpc::Service& service, std::string_view full_name,
                         std::string_view part) {
  rpc_server_->Add(service, full_name, part);
}

bool Process::Serves(std::string_view full_name) const { return rpc_server_->Has(full_name); }

void Process::OnStop(std::function<void()> stop) { stops_.push_back(std::move(stop)); }

void Process::RequestStop() {
  const uint64_t one = 1;
  // It can only fail when the counter is full, and then it is set.
  [[maybe_unused]] const ssize_t written = write(stop_request_, &one, sizeof(one));
}

bool Process::StopRequested() const {
  sigset_t pending;
  sigpending(&pending);
  if (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1) return true;
  pollfd request{stop_request_, POLLIN, 0};
  return poll(&request, 1, 0) > 0;
}

Status Process::ListenForAdmin() {
  if (server_config_.admin_listen.empty()) return OkStatus();
  AdminPages pages{.metrics = [this] { return metrics_.Text(); },
                   .ready = [this] { return readiness_.ready(); },
                   .readiness = [this] { return readiness_.Describe(); },
                   .config = [this] { return spec_.Print(); }};
  EPIGRID_ASSIGN_OR_RETURN(admin_server_,
                           AdminServer::Start(server_config_.admin_listen, std::move(pages)));
  return OkStatus();
}

Status Process::ListenForCalls() {
  EPIGRID_RETURN_IF_ERROR(rpc_server_->Start(server_config_, *pipeline_, metrics_));
  if (server_config_.callers.empty())
    EPIGRID_LOG_WARN("process.everyone_is_operator",
                     {"loopback", IsLoopback(server_config_.listen)});
  readiness_.SetReady(kPort);
  const int admin_port = admin_server_ == nullptr ? 0 : admin_server_->port();
  EPIGRID_LOG_INFO("process.listening", {"grpc_port", rpc_server_->port()},
                   {"admin_port", admin_port});
  if (on_listening_) on_listening_(rpc_server_->port(), admin_port);
  return OkStatus();
}

void Process::Serve() {
  std::array<pollfd, 2> waited = {pollfd{signals_, POLLIN, 0}, pollfd{stop_request_, POLLIN, 0}};
  for (;;) {
    poll(waited.data(), waited.size(), kLookEvery.count());
    uint64_t requests = 0;
    if (read(stop_request_, &requests, sizeof(requests)) > 0) return;
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof(info)) == sizeof(info)) {
      if (info.ssi_signo != SIGHUP) {
        EPIGRID_LOG_INFO("process.signalled", {"signal", info.ssi_signo});
        return;
      }
      callers_changed_ = {};
    }
    WatchCallers();
    rpc_server_->LookAtFiles();
    for (const auto& look : looks_) look();
  }
}

int Process::Run(const std::function<Status()>& start) {
  if (Status status = ListenForAdmin(); !status.ok()) {
    return GiveUp("process.cannot_listen", status);
  }
  if (Status status = start(); !status.ok()) return GiveUp("process.start_failed", status);
  if (Status status = ListenForCalls(); !status.ok()) {
    return GiveUp("process.cannot_listen", status);
  }
  Serve();
  return Stop();
}

int Process::GiveUp(std::string_view event, const Status& why) {
  const bool asked_to = StopRequested();
  if (!asked_to) EPIGRID_LOG_ERROR(event, {why});
  readiness_.Stop();
  rpc_server_->Shutdown(Duration(0));
  for (const auto& stop : stops_ | std::views::reverse) stop();
  if (asked_to) EPIGRID_LOG_INFO("process.stopped");
  return asked_to ? 0 : kFailed;
}

int Process::Stop() {
  readiness_.Stop();
  // From here on SIGTERM and SIGINT do what they do by default: they end the process. There is
  // nothing left to read anew for SIGHUP, whose default is the same.
  for (int signal : {SIGTERM, SIGINT}) ::signal(signal, SIG_DFL);
  ::signal(SIGHUP, SIG_IGN);
  const sigset_t signals = HandledSignals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  std::this_thread::sleep_for(server_config_.drain_delay);

  const size_t left = pipeline_->Drain(server_config_.drain_deadline);
  rpc_server_->Shutdown(kShutdownGrace);
  for (const auto& begin : stop_begins_) begin();
  for (const auto& stop : stops_ | std::views::reverse) stop();
  if (left > 0 && pipeline_->Drain(kLastHandlersGrace) > 0) {
    // Their services would be destroyed under them. What they have appended is in the log; the rest
    // is as after a kill.
    EPIGRID_LOG_ERROR("process.handlers_left", {"handlers", pipeline_->in_flight()});
    _exit(kFailed);
  }
  EPIGRID_LOG_INFO("process.stopped");
  return 0;
}

}  // namespace epigrid
