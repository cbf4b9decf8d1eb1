// A service in a process of its own, as its main composes it: roles, operations, an end before Run.
#include "common/service/service_process.h"

#include <gtest/gtest.h>

#include "services/identity/app.h"
#include "services/notification/app.h"
#include "tests/component/health_code_process.h"

namespace epigrid {
namespace {

using std::chrono::seconds;

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

// The log stands still, so that a report cannot end.
TEST(ServiceProcess, GateChecksAreServedWhileADrainAwaitsWhatWasAccepted) {
  Servers servers;
  HealthCodeProcess process(servers.Flags({}));
  const std::string person = MakeId(kPersonId, IdBytes{1});
  WaitUntil([&] { return process.GetCodeAt(person, "", kPatience).ok(); });
  WaitUntil([&] { return process.in_flight() == 0; });
  servers.log.Stop();
  std::thread accepted([&] { process.Declare(person, 36.5); });
  const auto refused = [&] {
    health_code::v1::RecordEvidenceResponse response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    return FromGrpcStatus(HealthCodeService::NewStub(process.channel())
                              ->RecordEvidence(&context, {}, &response))
        .reason();
  };
  WaitUntil([&] { return process.in_flight() == 1; });
  process.RequestStop();
  WaitUntil([&] { return refused() == "DRAINING"; });
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(process.GetCodeAt(person, "", kPatience).ok());
  servers.log.Continue();
  accepted.join();
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
  const std::string keys = servers.log.directory() / "master.keys";
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
