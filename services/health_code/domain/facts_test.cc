#include "services/health_code/domain/facts.h"

#include <gtest/gtest.h>

#include "common/base/proto_time.h"

namespace epigrid::health_code {
namespace {

Time Hour(int64_t hour) { return Time::FromSeconds(1'656'600'000 + hour * 3600); }

v1::Evidence TestEvidence(std::string source_id, std::string sampling_id, v1::TestOutcome outcome,
                          int64_t sampled_hour, int64_t reported_hour = 0) {
  v1::Evidence evidence;
  evidence.set_source("lab");
  evidence.set_source_id(std::move(source_id));
  v1::TestResult& test = *evidence.mutable_test();
  test.set_sampling_id(std::move(sampling_id));
  test.set_outcome(outcome);
  *test.mutable_sampled_time() = ToProto(Hour(sampled_hour));
  if (reported_hour != 0) *test.mutable_reported_time() = ToProto(Hour(reported_hour));
  return evidence;
}

void Add(StoredPerson& person, v1::Evidence evidence, int64_t recorded_hour = 100) {
  state::v1::StoredEvidence stored;
  *stored.mutable_recorded_time() = ToProto(Hour(recorded_hour));
  const std::string key = evidence.source() + "/" + evidence.source_id();
  *stored.mutable_evidence() = std::move(evidence);
  person.evidence[key] = std::move(stored);
}

TEST(FactsTest, SpecimensOfOneSamplingCountOnceAndOnlyTogether) {
  StoredPerson person;
  Add(person, TestEvidence("1", "s1", v1::TEST_OUTCOME_NEGATIVE, 1, 5));
  Add(person, TestEvidence("2", "s1", v1::TEST_OUTCOME_NEGATIVE, 1, 7));
  Add(person, TestEvidence("3", "s2", v1::TEST_OUTCOME_NEGATIVE, 2, 6));
  Add(person, TestEvidence("4", "s2", v1::TEST_OUTCOME_INDETERMINATE, 2, 6));
  Add(person, TestEvidence("5", "s3", v1::TEST_OUTCOME_INVALID, 3, 6));
  const PersonFacts facts = FactsOf(person);
  ASSERT_EQ(facts.negatives.size(), 1u);
  EXPECT_EQ(facts.negatives[0].sampled, Hour(1));
  EXPECT_EQ(facts.negatives[0].reported, Hour(7));
}

TEST(FactsTest, AnUnreportedTimeIsWhenTheResultWasTakenIn) {
  StoredPerson person;
  Add(person, TestEvidence("1", "s1", v1::TEST_OUTCOME_NEGATIVE, 1), 42);
  EXPECT_EQ(FactsOf(person).negatives[0].reported, Hour(42));
}

TEST(FactsTest, AWithdrawnTestIsNone) {
  StoredPerson person;
  v1::Evidence withdrawn = TestEvidence("1", "s1", v1::TEST_OUTCOME_NEGATIVE, 1, 5);
  withdrawn.clear_test();
  withdrawn.set_withdrawn(true);
  Add(person, withdrawn);
  EXPECT_TRUE(FactsOf(person).negatives.empty());
}

TEST(FactsTest, EachClassIsJudgedByItsOwnLastTime) {
  StoredPerson person;
  events::v1::ExposureChanged exposure;
  exposure.set_case_id("case_1");
  for (int i = 0; i < 3; ++i) {
    auto& setting = *exposure.add_settings();
    setting.set_exposure_class(i == 0 ? contact_tracing::v1::EXPOSURE_CLASS_CLOSE
                                      : contact_tracing::v1::EXPOSURE_CLASS_PLACE);
    *setting.mutable_first_time() = ToProto(Hour(10 + i));
    *setting.mutable_last_time() = ToProto(Hour(20 + i));
  }
  person.exposures["case_1"] = exposure;
  const PersonFacts facts = FactsOf(person);
  ASSERT_EQ(facts.exposures.size(), 2u);
  EXPECT_TRUE(facts.exposures[0].close);
  EXPECT_EQ(facts.exposures[0].last, Hour(20));
  EXPECT_FALSE(facts.exposures[1].close);
  EXPECT_EQ(facts.exposures[1].first, Hour(11));
  EXPECT_EQ(facts.exposures[1].last, Hour(22));
}

v1::Evidence Order(std::string source_id, int64_t start, int64_t end, v1::Measure measure) {
  v1::Evidence evidence;
  evidence.set_source("cdc");
  evidence.set_source_id(std::move(source_id));
  v1::IsolationOrder& order = *evidence.mutable_isolation_order();
  *order.mutable_start_time() = ToProto(Hour(start));
  if (end != 0) *order.mutable_end_time() = ToProto(Hour(end));
  order.set_measure(measure);
  return evidence;
}

v1::Evidence Transfer(std::string source_id, int64_t at) {
  v1::Evidence evidence;
  evidence.set_source("ambulance");
  evidence.set_source_id(std::move(source_id));
  *evidence.mutable_transfer()->mutable_transfer_time() = ToProto(Hour(at));
  return evidence;
}

v1::Evidence Discharge(std::string source_id, int64_t at) {
  v1::Evidence evidence;
  evidence.set_source("hospital");
  evidence.set_source_id(std::move(source_id));
  *evidence.mutable_discharge()->mutable_discharge_time() = ToProto(Hour(at));
  return evidence;
}

TEST(FactsTest, HomeIsolationDoesNotSeparateFromTheHousehold) {
  StoredPerson person;
  Add(person, Order("1", 10, 20, v1::MEASURE_HOME));
  Add(person, Transfer("2", 15));
  Add(person, Discharge("3", 30));
  const events::v1::IsolationChanged isolation = IsolationOf("person_1", person);
  ASSERT_EQ(isolation.intervals_size(), 1);
  EXPECT_EQ(FromProto(isolation.intervals(0).from_time()), Hour(10));
  EXPECT_EQ(FromProto(isolation.intervals(0).until_time()), Hour(30));
  ASSERT_EQ(isolation.separations_size(), 1);
  EXPECT_EQ(FromProto(isolation.separations(0).from_time()), Hour(15));
}

TEST(FactsTest, WithoutADischargeIsolationGoesOn) {
  StoredPerson person;
  Add(person, Discharge("0", 10));  // of an earlier stay: not after the transfer
  Add(person, Transfer("1", 10));
  const events::v1::IsolationChanged isolation = IsolationOf("person_1", person);
  ASSERT_EQ(isolation.intervals_size(), 1);
  EXPECT_FALSE(isolation.intervals(0).has_until_time());
}

}  // namespace
}  // namespace epigrid::health_code
