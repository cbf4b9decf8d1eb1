// Who is refused when the folds do not keep up: imports first, and neither tests nor gates.
#include <gtest/gtest.h>

#include <fstream>

#include "common/base/hex.h"
#include "common/base/sha256.h"
#include "tests/component/health_code_process.h"
#include "tests/fakes/temporary_directory.h"

namespace epigrid {
namespace {

class OverloadTest : public testing::Test {
 protected:
  OverloadTest() {
    std::ofstream file(directory_ / "callers.yaml");
    file << "version: 1\ncallers:\n";
    for (const auto& [name, caller_class] :
         {std::pair{"lab", "AGENCY"}, {"app", "RESIDENT"}, {"import", "BULK"}, {"gate", "GATE"}}) {
      file << "  - {name: " << name << ", agency: city, class: " << caller_class
           << ", methods: ['*'], credentials: [{token_sha256: " << ToHex(Sha256(name)) << "}]}\n";
    }
  }

  Status Declare(const HealthCodeProcess& process, const std::string& caller) {
    health_code::v1::RecordEvidenceRequest request;
    health_code::v1::Evidence& evidence = *request.mutable_evidence();
    evidence.set_person_id(person_);
    evidence.set_source(caller);
    evidence.set_source_id(std::to_string(++number_));
    evidence.mutable_declaration()->set_temperature_celsius(36.5);
    *evidence.mutable_declaration()->mutable_declared_time() = ToProto(SystemClock().Now());
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + caller);
    health_code::v1::RecordEvidenceResponse response;
    return FromGrpcStatus(HealthCodeService::NewStub(process.channel())
                              ->RecordEvidence(&context, request, &response));
  }
  Status Show(const HealthCodeProcess& process, const std::string& caller) const {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + caller);
    health_code::v1::GetCodeRequest request;
    request.set_person_id(person_);
    health_code::v1::GetCodeResponse response;
    return FromGrpcStatus(
        HealthCodeService::NewStub(process.channel())->GetCode(&context, request, &response));
  }

  const TemporaryDirectory directory_;
  const std::string callers_ = "--server-callers=" + (directory_ / "callers.yaml").string();
  const std::string person_ = MakeId(kPersonId, IdBytes{1});
  int number_ = 0;
  Servers servers_;
};

TEST_F(OverloadTest, AnApiThatOwnsNoShardSeesThatNobodyFoldsAndRefusesImportsFirst) {
  HealthCodeProcess api(servers_.Flags({"--instance-role=api", callers_}));
  {
    HealthCodeProcess projector(servers_.Flags({"--instance-role=projector"}));
    WaitUntil([&] { return Show(api, "gate").ok(); });
    EXPECT_TRUE(Declare(api, "import").ok());
  }
  EXPECT_TRUE(Declare(api, "app").ok());  // and nobody folds it
  WaitUntil([&] { return Declare(api, "import").reason() == "PROJECTOR_BEHIND"; });
  const Status refused = Declare(api, "import");
  EXPECT_EQ(refused.code(), Code::kResourceExhausted);
  EXPECT_TRUE(Declare(api, "app").ok());
  EXPECT_TRUE(Declare(api, "lab").ok());
  EXPECT_TRUE(Show(api, "gate").ok());
  EXPECT_EQ(api.HealthOf(HealthCodeService::service_full_name()), HealthCheckResponse::SERVING);

  HealthCodeProcess projector(servers_.Flags({"--instance-role=projector"}));
  WaitUntil([&] { return Declare(api, "import").ok(); });
}

}  // namespace
}  // namespace epigrid
