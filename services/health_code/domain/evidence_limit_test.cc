#include "services/health_code/domain/evidence_limit.h"

#include <gtest/gtest.h>

#include "common/base/proto_time.h"

namespace epigrid::health_code {
namespace {

using Known = std::map<std::string, state::v1::StoredEvidence>;

Time Day(size_t day) {
  return Time::FromSeconds(static_cast<int64_t>(1'600'000'000 + day * 86400));
}

void AddTest(Known& known, const std::string& key, v1::TestOutcome outcome, size_t day) {
  v1::TestResult& test = *known[key].mutable_evidence()->mutable_test();
  test.set_outcome(outcome);
  *test.mutable_sampled_time() = ToProto(Day(day));
}

void AddDeclaration(Known& known, const std::string& key, size_t day) {
  *known[key].mutable_evidence()->mutable_declaration()->mutable_declared_time() =
      ToProto(Day(day));
}

TEST(EvidenceLimitTest, OfDeclarationsTheNewestStay) {
  Known known;
  for (size_t i = 0; i < kDeclarationsMax; ++i) AddDeclaration(known, std::to_string(i), 100 + i);
  EXPECT_EQ(EvidenceToLetGo(known, "0"), "");
  AddTest(known, "test", v1::TEST_OUTCOME_NEGATIVE, 1);
  EXPECT_EQ(EvidenceToLetGo(known, "test"), "");
  AddDeclaration(known, "new", 300);
  EXPECT_EQ(EvidenceToLetGo(known, "new"), "0");
  known.erase("new");
  AddDeclaration(known, "late", 99);
  EXPECT_EQ(EvidenceToLetGo(known, "late"), "late") << "whatever the order in which they come";
}

TEST(EvidenceLimitTest, OfTestsThePositiveAndTheNewestStay) {
  Known known;
  AddTest(known, "positive", v1::TEST_OUTCOME_POSITIVE, 1);
  for (size_t i = 1; i < kEvidenceMax; ++i) {
    AddTest(known, std::to_string(i), v1::TEST_OUTCOME_NEGATIVE, 10 + i);
  }
  EXPECT_EQ(EvidenceToLetGo(known, "1"), "");
  AddTest(known, "new", v1::TEST_OUTCOME_POSITIVE, 2000);
  EXPECT_EQ(EvidenceToLetGo(known, "new"), "1");
  known["withdrawn"].mutable_evidence()->set_withdrawn(true);
  *known["withdrawn"].mutable_recorded_time() = ToProto(Day(2));
  EXPECT_EQ(EvidenceToLetGo(known, "new"), "withdrawn");
}

TEST(EvidenceLimitTest, WhatSeparatesPeopleIsNeverLetGo) {
  Known known;
  for (size_t i = 0; i <= kEvidenceMax; ++i) {
    known[std::to_string(i)].mutable_evidence()->mutable_transfer();
  }
  EXPECT_EQ(EvidenceToLetGo(known, "7"), "7");
}

}  // namespace
}  // namespace epigrid::health_code
