// A service in a process of its own, as its main composes it: roles, operations, an end before Run.
#include "common/service/service_process.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "common/redis/testing/redis_server.h"
#include "common/rpc/status_details.h"
#include "epigrid/health_code/v1/health_code.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "services/health_code/app.h"
#include "services/identity/app.h"
#include "services/notification/app.h"

namespace epigrid {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckResponse;
using health_code::v1::HealthCodeService;
using operations::v1::OperationsService;
using std::chrono::seconds;

constexpr auto kPatience = seconds(60);

void WaitUntil(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "waited for a minute";
    std::this_thread::yield();
  }
}

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

void Configure(Process& process, const std::vector<std::string>& flags) {
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
  Result<operations::v1::GetStatusResponse> GetStatus() const {
    grpc::ClientContext context;
    operations::v1::GetStatusResponse response;
    const Status status =
        FromGrpcStatus(OperationsService::NewStub(channel_)->GetStatus(&context, {}, &response));
    if (!status.ok()) return status;
    return response;
  }
  // Its revision 1, with this temperature.
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
  // Returns the revision.
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

int OwnedShards(const HealthCodeProcess& process) {
  const auto status = process.GetStatus();
  int owned = 0;
  if (!status.ok()) return owned;
  for (const auto& shard : status->services(0).shards()) owned += shard.owner().empty() ? 0 : 1;
  return owned;
}

TEST(ServiceProcess, EachRoleServesOperationsAndItsPart) {
  Servers servers;
  HealthCodeProcess api(servers.Flags({"--instance-role=api"}));
  EXPECT_EQ(api.GetCode(), grpc::StatusCode::INVALID_ARGUMENT);  // it names no person
  ASSERT_TRUE(api.GetStatus().ok());
  EXPECT_EQ(OwnedShards(api), 0);

  HealthCodeProcess projector(servers.Flags({"--instance-role=projector"}));
  EXPECT_EQ(projector.GetCode(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(projector.HealthOf(HealthCodeService::service_full_name()),
            HealthCheckResponse::SERVICE_UNKNOWN);
  EXPECT_EQ(projector.HealthOf(OperationsService::service_full_name()),
            HealthCheckResponse::SERVING);
  WaitUntil([&] { return OwnedShards(projector) == 2; });
}

TEST(ServiceProcess, WhoWaitsInVainIsToldWhyBeforeTheDeadline) {
  Servers servers;
  HealthCodeProcess api(servers.Flags({"--instance-role=api"}));
  const std::string person = MakeId(kPersonId, IdBytes{1});
  std::string revision;
  {
    HealthCodeProcess projector(servers.Flags({"--instance-role=projector"}));
    revision = api.Declare(person, 36.5);
    WaitUntil([&] { return api.GetCodeAt(person, revision, seconds(1)).ok(); });
  }
  revision = api.Declare(person, 36.5);  // nobody folds it
  const Status status = api.GetCodeAt(person, revision, seconds(2));
  EXPECT_EQ(status.reason(), "REVISION_NOT_YET_APPLIED") << status.ToString();
}

TEST(ServiceProcess, TellsWhyAFactHadNoEffect) {
  Servers servers;
  const HealthCodeProcess process(servers.Flags({}));
  const std::string person = MakeId(kPersonId, IdBytes{1});
  const std::string other = MakeId(kPersonId, IdBytes{2});
  process.Declare(person, 36.5);
  process.Declare(person, 38.5);
  process.Declare(other, 36.5);
  process.Declare(other, 38.5);
  WaitUntil([&] { return process.Ignored("").size() == 2; });
  const std::vector<operations::v1::IgnoredEvent> ignored = process.Ignored(person);
  ASSERT_EQ(ignored.size(), 1U);
  EXPECT_EQ(ignored[0].service(), "health_code");
  EXPECT_EQ(ignored[0].reason(), "EVIDENCE_CONFLICT");
  EXPECT_EQ(ignored[0].kind(), "evidence_observed");
  EXPECT_GT(ignored[0].offset(), 0U);
  EXPECT_TRUE(ignored[0].has_append_time());
  ASSERT_EQ(ignored[0].entities_size(), 1);
  EXPECT_EQ(ignored[0].entities(0), person);

  // A flood pushes out what is older, and is no longer than what a shard keeps.
  for (int i = 0; i < 70; ++i) process.Declare(person, 39 + i * 0.01);
  WaitUntil([&] {
    const auto last = process.Ignored(person);
    return last.size() == 64 && last.front().offset() > ignored[0].offset();
  });
}

TEST(ServiceProcess, IsReadyOnceItsViewCanBeRead) {
  Servers servers;
  servers.view.Kill();
  HealthCodeProcess process(servers.Flags({}));
  const std::string service = HealthCodeService::service_full_name();
  EXPECT_FALSE(process.readiness().ready());
  EXPECT_EQ(process.HealthOf(service), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(process.HealthOf(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(process.HealthOf(OperationsService::service_full_name()), HealthCheckResponse::SERVING);
  servers.view.Restart();
  WaitUntil([&] { return process.readiness().ready(); });
  EXPECT_EQ(process.HealthOf(service), HealthCheckResponse::SERVING);
  EXPECT_EQ(process.HealthOf(""), HealthCheckResponse::SERVING);
}

TEST(ServiceProcess, RefusesAViewThatEvicts) {
  Servers servers({"--maxmemory-policy", "allkeys-lru"});
  Process process("test");
  StorageConfig storage;
  health_code::Config config;
  storage.AddTo(process.config());
  config.AddTo(process.config());
  Configure(process, servers.Flags({}));
  health_code::App app(config, storage, process);
  EXPECT_EQ(app.Start().reason(), "VIEW_EVICTS");
}

class IdentityProcess {
 public:
  explicit IdentityProcess(const std::vector<std::string>& flags) {
    storage.AddTo(process.config());
    config.AddTo(process.config());
    Configure(process, flags);
    app.emplace(config, storage, process);
  }
  Process process{"test"};
  StorageConfig storage;
  identity::Config config;
  std::optional<identity::App> app;
};

// As when a service after it in the same process cannot start. Its workers are at work then.
TEST(ServiceProcess, IdentityMayEndBeforeTheProcessRan) {
  Servers servers;
  const std::string keys = servers.log.directory() + "/master.keys";
  OpenSslRandom random;
  ASSERT_TRUE(GenerateMasterKeyFile(keys, random).ok());
  for (int time = 0; time < 5; ++time) {
    IdentityProcess identity(
        servers.Flags({"--identity-master-keys=" + keys, "--identity-lost-claims-interval=100ms"}));
    ASSERT_TRUE(identity.app->Start().ok());
    identity.app.reset();
  }
}

TEST(ServiceProcess, ASenderMustKnowWhereIdentityIs) {
  Servers servers;
  Process process("test");
  StorageConfig storage;
  notification::Config config;
  storage.AddTo(process.config());
  config.AddTo(process.config());
  Configure(process, servers.Flags({}));
  notification::App app(config, storage, process);
  EXPECT_EQ(ServeApps(process, app), 1);
  EXPECT_EQ(app.Start().reason(), "IDENTITY_ADDRESS_MISSING");
}

}  // namespace
}  // namespace epigrid
