#include "services/health_code/api/evidence_check.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "common/base/ids.h"
#include "common/base/proto_time.h"

namespace epigrid::health_code {
namespace {

const Time kNow = Time::FromSeconds(1'656'700'000);
constexpr Duration kAgeMax = std::chrono::hours(24 * 60);

v1::Evidence TestEvidence() {
  v1::Evidence evidence;
  evidence.set_source("lab");
  evidence.set_source_id("2022-07-01:17");
  evidence.set_person_id(DeriveId(kPersonId, {"somebody"}));
  v1::TestResult& test = *evidence.mutable_test();
  test.set_sampling_id("s1");
  test.set_method(v1::TEST_METHOD_NUCLEIC_ACID);
  test.set_outcome(v1::TEST_OUTCOME_NEGATIVE);
  *test.mutable_sampled_time() = ToProto(kNow - std::chrono::hours(3));
  *test.mutable_reported_time() = ToProto(kNow - std::chrono::hours(1));
  return evidence;
}

v1::Evidence OrderEvidence() {
  v1::Evidence evidence = TestEvidence();
  v1::IsolationOrder& order = *evidence.mutable_isolation_order();
  *order.mutable_start_time() = ToProto(kNow - std::chrono::hours(3));
  *order.mutable_end_time() = ToProto(kNow + std::chrono::hours(24 * 7));
  order.set_measure(v1::MEASURE_CENTRAL);
  order.mutable_basis()->set_sampling_id("s1");
  return evidence;
}

std::string ReasonAfter(v1::Evidence evidence, const std::function<void(v1::Evidence&)>& spoil) {
  spoil(evidence);
  return CheckEvidence(evidence, kNow, kAgeMax).reason();
}

TEST(EvidenceCheckTest, AcceptsGoodEvidenceAndFillsInTheRevision) {
  v1::Evidence evidence = TestEvidence();
  EXPECT_EQ(CheckEvidence(evidence, kNow, kAgeMax).ToString(), "OK");
  EXPECT_EQ(evidence.revision(), 1u);
  evidence = OrderEvidence();
  EXPECT_EQ(CheckEvidence(evidence, kNow, kAgeMax).ToString(), "OK");
}

TEST(EvidenceCheckTest, RefusesBadTests) {
  const auto after = [](const std::function<void(v1::Evidence&)>& spoil) {
    return ReasonAfter(TestEvidence(), spoil);
  };
  EXPECT_EQ(after([](auto& e) { e.set_source("Lab"); }), "SOURCE_MALFORMED");
  EXPECT_EQ(after([](auto& e) { e.set_source_id("a/b"); }), "SOURCE_ID_MALFORMED");
  EXPECT_EQ(after([](auto& e) { e.set_person_id("person_1"); }), "ID_MALFORMED");
  EXPECT_EQ(after([](auto& e) { e.clear_test(); }), "EVIDENCE_MISSING");
  EXPECT_EQ(after([](auto& e) { e.mutable_test()->clear_sampling_id(); }), "SAMPLING_ID_MALFORMED");
  EXPECT_EQ(after([](auto& e) { e.mutable_test()->clear_method(); }), "TEST_METHOD_MISSING");
  EXPECT_EQ(after([](auto& e) { e.mutable_test()->clear_outcome(); }), "TEST_OUTCOME_MISSING");
  EXPECT_EQ(after([](auto& e) { e.mutable_test()->set_outcome(static_cast<v1::TestOutcome>(99)); }),
            "TEST_OUTCOME_MISSING");
  EXPECT_EQ(after([](auto& e) { e.mutable_test()->clear_sampled_time(); }), "TIME_MISSING");
  EXPECT_EQ(after([](auto& e) {
              *e.mutable_test()->mutable_sampled_time() = ToProto(kNow + std::chrono::hours(1));
            }),
            "TIME_IN_FUTURE");
  EXPECT_EQ(after([](auto& e) {
              *e.mutable_test()->mutable_reported_time() = ToProto(kNow - std::chrono::hours(4));
            }),
            "REPORTED_BEFORE_SAMPLED");
  EXPECT_EQ(after([](auto& e) { e.mutable_test()->set_cycle_threshold(51); }),
            "CYCLE_THRESHOLD_OUT_OF_RANGE");
  EXPECT_EQ(after([](auto& e) {
              e.mutable_test()->set_cycle_threshold(std::numeric_limits<double>::quiet_NaN());
            }),
            "CYCLE_THRESHOLD_OUT_OF_RANGE");
}

TEST(EvidenceCheckTest, RefusesWhatHappenedTooLongAgo) {
  EXPECT_EQ(ReasonAfter(TestEvidence(),
                        [](auto& e) { e.mutable_test()->mutable_sampled_time()->Clear(); }),
            "TIME_TOO_OLD")
      << "null in a partner's record";
  EXPECT_EQ(ReasonAfter(TestEvidence(),
                        [](auto& e) {
                          *e.mutable_test()->mutable_sampled_time() = ToProto(kNow - kAgeMax);
                        }),
            "");
  EXPECT_EQ(ReasonAfter(TestEvidence(),
                        [](auto& e) {
                          *e.mutable_test()->mutable_sampled_time() =
                              ToProto(kNow - kAgeMax - Duration(1));
                        }),
            "TIME_TOO_OLD");
  EXPECT_EQ(
      ReasonAfter(OrderEvidence(),
                  [](auto& e) { e.mutable_isolation_order()->mutable_start_time()->Clear(); }),
      "TIME_TOO_OLD");
}

TEST(EvidenceCheckTest, ARestrictionNamesItsBasis) {
  const auto after = [](const std::function<void(v1::Evidence&)>& spoil) {
    return ReasonAfter(OrderEvidence(), spoil);
  };
  EXPECT_EQ(after([](auto& e) { e.mutable_isolation_order()->clear_basis(); }), "BASIS_MISSING");
  EXPECT_EQ(
      after([](auto& e) { e.mutable_isolation_order()->mutable_basis()->set_case_id("case_x"); }),
      "ID_MALFORMED");
  // A whole household may be ordered to stay at home.
  EXPECT_EQ(after([](auto& e) {
              e.mutable_isolation_order()->mutable_basis()->set_setting_id(
                  DeriveId(kHouseholdId, {"the household"}));
            }),
            "");
  EXPECT_EQ(after([](auto& e) {
              e.mutable_isolation_order()->mutable_basis()->set_setting_id("household_x");
            }),
            "ID_MALFORMED");
  EXPECT_EQ(after([](auto& e) { e.mutable_isolation_order()->set_measure(v1::MEASURE_NONE); }),
            "ISOLATION_MEASURE_INVALID");
  EXPECT_EQ(after([](auto& e) {
              *e.mutable_isolation_order()->mutable_end_time() = e.isolation_order().start_time();
            }),
            "END_BEFORE_START");
  EXPECT_EQ(after([](auto& e) {
              // 9999-12-31
              e.mutable_isolation_order()->mutable_end_time()->set_seconds(253'402'214'400);
            }),
            "TIME_TOO_LATE");
}

TEST(EvidenceCheckTest, AWithdrawalIsARevisionWithoutContent) {
  v1::Evidence evidence = TestEvidence();
  evidence.set_withdrawn(true);
  evidence.set_revision(2);
  EXPECT_EQ(CheckEvidence(evidence, kNow, kAgeMax).reason(), "WITHDRAWAL_WITH_CONTENT");
  evidence.clear_test();
  EXPECT_EQ(CheckEvidence(evidence, kNow, kAgeMax).ToString(), "OK");
  evidence.set_revision(1);
  EXPECT_EQ(CheckEvidence(evidence, kNow, kAgeMax).reason(), "WITHDRAWAL_REVISION");
}

}  // namespace
}  // namespace epigrid::health_code
