#include "common/rpc/callers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace epigrid {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

// printf %s foo | sha256sum
constexpr char kFooHash[] = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

std::vector<std::string> Errors(const std::string& text) {
  return Callers::Parse("callers.yaml", text).errors;
}

TEST(CallersTest, TokensAndCertificatesFindTheirCaller) {
  const Callers::Parsed parsed = Callers::Parse("callers.yaml", std::string(R"(
version: 1
callers:
  - name: east-lab
    agency: city-cdc
    class: BULK
    methods: [epigrid.health_code.v1.HealthCodeService/GetCode, epigrid.contact_tracing.*]
    credentials:
      - token_sha256: )") + kFooHash + R"(
      - mtls_name: lab.city.example
)");
  ASSERT_THAT(parsed.errors, IsEmpty());
  const Caller* caller = parsed.callers->FindByToken("foo");
  ASSERT_NE(caller, nullptr);
  EXPECT_EQ(caller->name, "east-lab");
  EXPECT_EQ(caller->agency, "city-cdc");
  EXPECT_EQ(caller->caller_class, CallerClass::kBulk);
  EXPECT_EQ(parsed.callers->FindByMtlsName("lab.city.example"), caller);
  EXPECT_EQ(parsed.callers->FindByToken("fop"), nullptr);
  EXPECT_EQ(parsed.callers->FindByToken(kFooHash), nullptr);
  EXPECT_EQ(parsed.callers->FindByMtlsName(""), nullptr);
  EXPECT_EQ(parsed.callers->anonymous(), nullptr);
  EXPECT_TRUE(caller->MayCall("epigrid.health_code.v1.HealthCodeService/GetCode"));
  EXPECT_FALSE(caller->MayCall("epigrid.health_code.v1.HealthCodeService/GetCodes"));
  EXPECT_TRUE(caller->MayCall("epigrid.contact_tracing.v1.CaseService/ReportCase"));
  EXPECT_FALSE(caller->MayCall("epigrid.identity.v1.IdentityService/GetPerson"));
}

TEST(CallersTest, QuotasAreTheCallersOwn) {
  const std::string rest = "agency: a, methods: ['*'], credentials: [{mtls_name: ";
  const Callers::Parsed parsed =
      Callers::Parse("callers.yaml",
                     "version: 1\ncallers:\n"
                     "  - {name: a, class: RESIDENT, " +
                         rest +
                         "a}], quotas: {calls_per_second: 0.5}}\n"
                         "  - {name: b, class: BULK, " +
                         rest + "b}], quotas: {items_per_second: 20, items_burst: 50}}\n");
  ASSERT_THAT(parsed.errors, IsEmpty());
  const Caller& a = *parsed.callers->FindByMtlsName("a");
  EXPECT_EQ(a.caller_class, CallerClass::kResident);
  EXPECT_EQ(a.calls.per_second, 0.5);
  EXPECT_EQ(a.calls.burst, 1);
  EXPECT_EQ(a.items.per_second, 0);
  const Caller& b = *parsed.callers->FindByMtlsName("b");
  EXPECT_EQ(b.calls.per_second, 0);
  EXPECT_EQ(b.items.per_second, 20);
  EXPECT_EQ(b.items.burst, 50);
}

TEST(CallersTest, EveryMistakeIsNamedWithItsLine) {
  EXPECT_THAT(
      Errors(R"(version: 2
callers:
  - name: East Lab
    agency: a
    class: VIP
    methods: [GetCode, 'a b*']
    quotas: {calls_per_second: 0, items_burst: 0.5, burst: 1}
    colour: red
    credentials:
      - token_sha256: sesame
      - oauth2: {}
      - mtls_name: x
      - mtls_name: x
  - name: b
  - 7
extra: 1
)"),
      UnorderedElementsAre(HasSubstr("callers.yaml:1: version must be 1"),
                           HasSubstr("callers.yaml:3: name must be 1 to 63"),
                           HasSubstr("callers.yaml:5: \"VIP\" is no class"),
                           HasSubstr("callers.yaml:6: \"GetCode\" is no method"),
                           HasSubstr("callers.yaml:6: \"a b*\" is no method"),
                           HasSubstr("callers.yaml:7: calls_per_second must be a number above 0"),
                           HasSubstr("callers.yaml:7: items_burst must be a number from 1"),
                           HasSubstr("callers.yaml:7: unknown key \"burst\""),
                           HasSubstr("callers.yaml:7: a burst needs the rate"),
                           HasSubstr("callers.yaml:8: unknown key \"colour\""),
                           AllOf(HasSubstr("callers.yaml:10: token_sha256 must be the 64"),
                                 Not(HasSubstr("sesame"))),
                           HasSubstr("callers.yaml:11: unknown credential \"oauth2\""),
                           HasSubstr("callers.yaml:13: the mtls_name x is given twice"),
                           HasSubstr("callers.yaml:14: agency is missing"),
                           HasSubstr("callers.yaml:14: class is missing"),
                           HasSubstr("callers.yaml:14: methods is missing"),
                           HasSubstr("callers.yaml:14: credentials is missing"),
                           HasSubstr("callers.yaml:15: a caller is a map"),
                           HasSubstr("callers.yaml:16: unknown key \"extra\"")));
}

TEST(CallersTest, RubbishIsRefused) {
  EXPECT_THAT(Errors(""), ElementsAre(HasSubstr("must be a map")));
  EXPECT_THAT(Errors("- 1"), ElementsAre(HasSubstr("must be a map")));
  EXPECT_THAT(Errors("version: 1\ncallers: [\n"), ElementsAre(HasSubstr("callers.yaml:3")));
  EXPECT_THAT(Errors("version: 1\n"), ElementsAre(HasSubstr("callers is missing")));
  EXPECT_THAT(Errors(std::string("\0\xff\x01", 3)), Not(IsEmpty()));
  EXPECT_THAT(Errors(std::string(5 << 20, 'a')), ElementsAre(HasSubstr("larger than")));
}

}  // namespace
}  // namespace epigrid
