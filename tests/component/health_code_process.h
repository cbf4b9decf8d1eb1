// HealthCodeProcess: health_code in a process of its own, as its main composes it, on a thread that
// stands for main's; with the Redis servers it needs.
//
//   Servers servers;
//   HealthCodeProcess process(servers.Flags({"--instance-role=api"}));
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "common/redis/testing/redis_server.h"
#include "common/rpc/status_details.h"
#include "common/service/service_process.h"
#include "epigrid/health_code/v1/health_code.grpc.pb.h"
#include "epigrid/operations/v1/operations.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "services/health_code/app.h"
#include "tests/fakes/wait_until.h"

namespace epigrid {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckResponse;
using health_code::v1::HealthCodeService;
using operations::v1::OperationsService;

inline constexpr auto kPatience = std::chrono::seconds(60);

struct Servers {
  explicit Servers(std::vector<std::string> view_config = {})
      : view({.config = std::move(view_config)}) {}

  std::vector<std::string> Flags(std::vector<std::string> more) const {
    more.insert(more.end(),
                {"--server-listen=127.0.0.1:0", "--admin-listen=", "--log-shard-count=2",
                 "--log-redis-address=unix:" + log.address().unix_socket,
                 "--view-redis-address=unix:" + view.address().unix_socket});
    return more;
  }
  RedisServer log{{.config = {"--appendonly", "yes", "--appendfsync", "always"}}};
  RedisServer view;
};

inline void Configure(Process& process, const std::vector<std::string>& flags) {
  std::vector<const char*> argv = {"test"};
  for (const std::string& flag : flags) argv.push_back(flag.c_str());
  EPIGRID_CHECK(!process.Configure(static_cast<int>(argv.size()), argv.data()), "bad flags");
}

// health_code on a thread that stands for main's.
class HealthCodeProcess {
 public:
  explicit HealthCodeProcess(const std::vector<std::string>& flags) {
    storage_.AddTo(process_.config());
    config_.AddTo(process_.config());
    Configure(process_, flags);
    app_.emplace(config_, storage_, process_);
    Promise<Done> listening;
    process_.OnListening([this, listening](int grpc_port, int) {
      channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(grpc_port),
                                     grpc::InsecureChannelCredentials());
      listening.Set(Done{});
    });
    main_ = std::thread([this] { exit_code_ = ServeApps(process_, *app_); });
    listening.future().Wait();
  }
  ~HealthCodeProcess() {
    process_.RequestStop();
    main_.join();
    EXPECT_EQ(exit_code_, 0);
  }

  Readiness& readiness() { return process_.readiness(); }
  // Handlers at work.
  uint32_t in_flight() { return process_.pipeline().in_flight(); }
  // What SIGTERM does.
  void RequestStop() { process_.RequestStop(); }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  Result<operations::v1::GetStatusResponse> GetStatus() const {
    grpc::ClientContext context;
    operations::v1::GetStatusResponse response;
    const Status status =
        FromGrpcStatus(OperationsService::NewStub(channel_)->GetStatus(&context, {}, &response));
    if (!status.ok()) return status;
    return response;
  }
  Status GetCodeAt(const std::string& person, const std::string& revision,
                   std::chrono::milliseconds deadline) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + deadline);
    health_code::v1::GetCodeRequest request;
    request.set_person_id(person);
    request.set_revision(revision);
    health_code::v1::GetCodeResponse response;
    return FromGrpcStatus(
        HealthCodeService::NewStub(channel_)->GetCode(&context, request, &response));
  }
  // The person's revision 1 of one declaration, with this temperature; the revision to read it by.
  std::string Declare(const std::string& person_id, double temperature) const {
    health_code::v1::RecordEvidenceRequest request;
    health_code::v1::Evidence& evidence = *request.mutable_evidence();
    evidence.set_person_id(person_id);
    evidence.set_source("gate");
    evidence.set_source_id("morning");
    evidence.set_revision(1);
    evidence.mutable_declaration()->set_temperature_celsius(temperature);
    *evidence.mutable_declaration()->mutable_declared_time() = ToProto(SystemClock().Now());
    grpc::ClientContext context;
    health_code::v1::RecordEvidenceResponse response;
    const grpc::Status status =
        HealthCodeService::NewStub(channel_)->RecordEvidence(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.revision();
  }
  std::vector<operations::v1::IgnoredEvent> Ignored(const std::string& entity) const {
    grpc::ClientContext context;
    operations::v1::ListIgnoredEventsRequest request;
    request.set_entity(entity);
    operations::v1::ListIgnoredEventsResponse response;
    const Status status = FromGrpcStatus(
        OperationsService::NewStub(channel_)->ListIgnoredEvents(&context, request, &response));
    // Before there is a view.
    EXPECT_TRUE(status.ok() || status.reason() == "VIEW_REBUILDING") << status.ToString();
    return {response.events().begin(), response.events().end()};
  }
  grpc::StatusCode GetCode() const {
    grpc::ClientContext context;
    health_code::v1::GetCodeResponse response;
    return HealthCodeService::NewStub(channel_)->GetCode(&context, {}, &response).error_code();
  }
  HealthCheckResponse::ServingStatus HealthOf(const std::string& service) const {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    const grpc::Status status = Health::NewStub(channel_)->Check(&context, request, &response);
    return status.ok() ? response.status() : HealthCheckResponse::SERVICE_UNKNOWN;
  }

 private:
  Process process_{"test"};
  StorageConfig storage_;
  health_code::Config config_;
  std::optional<health_code::App> app_;
  std::shared_ptr<grpc::Channel> channel_;
  int exit_code_ = -1;
  std::thread main_;
};

}  // namespace epigrid
