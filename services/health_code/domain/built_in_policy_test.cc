#include "services/health_code/domain/built_in_policy.h"

#include <gtest/gtest.h>

namespace epigrid::health_code {
namespace {

Time At(std::string_view text) {
  Result<Time> time = ParseRfc3339(text);
  EPIGRID_CHECK(time.ok(), "the test's time is well-formed");
  return *time;
}

class BuiltInPolicyTest : public testing::Test {
 protected:
  const BuiltInPolicy policy_{DefaultPolicyConfiguration(),
                              TimeZone::Load("Asia/Shanghai").value()};
};

TEST_F(BuiltInPolicyTest, NothingKnownHoldsNothing) { EXPECT_TRUE(policy_.Holds({}).empty()); }

TEST_F(BuiltInPolicyTest, CaseIsRedUntilExcluded) {
  const std::vector<Hold> holds = policy_.Holds(
      {.cases = {{"case_1", At("2022-07-01T10:00:00+08:00")}}, .exposures = {}, .negatives = {}});
  ASSERT_EQ(holds.size(), 1u);
  EXPECT_EQ(holds[0].rule, "CASE");
  EXPECT_EQ(holds[0].colour, v1::COLOUR_RED);
  EXPECT_EQ(holds[0].from, At("2022-07-01T10:00:00+08:00"));
  EXPECT_EQ(holds[0].until, kEndOfTime);
}

ExposureFact Close(std::string_view first, std::string_view last) {
  return {.case_id = "case_1", .close = true, .first = At(first), .last = At(last)};
}
ExposureFact Place(std::string_view first, std::string_view last) {
  return {.case_id = "case_1", .close = false, .first = At(first), .last = At(last)};
}

TEST_F(BuiltInPolicyTest, CloseContactIsRedThroughDay7AndYellowUntilANegativeOfDay10) {
  const PersonFacts facts{
      .cases = {},
      .exposures = {Close("2022-07-01T20:00:00+08:00", "2022-07-03T23:59:00+08:00")},
      .negatives = {{At("2022-07-12T23:59:59+08:00"), At("2022-07-13T09:00:00+08:00")},
                    {At("2022-07-13T00:00:00+08:00"), At("2022-07-14T15:00:00+08:00")}}};
  const std::vector<Hold> holds = policy_.Holds(facts);
  ASSERT_EQ(holds.size(), 2u);
  EXPECT_EQ(holds[0].colour, v1::COLOUR_RED);
  EXPECT_EQ(holds[0].from, At("2022-07-01T20:00:00+08:00"));
  EXPECT_EQ(holds[0].until, At("2022-07-11T00:00:00+08:00"));  // 24:00 of day 7
  EXPECT_EQ(holds[1].colour, v1::COLOUR_YELLOW);
  EXPECT_EQ(holds[1].from, holds[0].until);
  // The negative of day 9 does not count; that of day 10 counts when it is reported.
  EXPECT_EQ(holds[1].until, At("2022-07-14T15:00:00+08:00"));
  EXPECT_EQ(holds[1].cleared_from, At("2022-07-13T00:00:00+08:00"));
}

// Times are [from, until): who is apart from midnight on was last together on the day before.
TEST_F(BuiltInPolicyTest, DayZeroOfAContactThatEndsAtMidnightIsTheDayThatEnds) {
  const PersonFacts facts{
      .cases = {},
      .exposures = {Close("2022-06-29T20:00:00+08:00", "2022-07-01T00:00:00+08:00")},
      .negatives = {{At("2022-07-10T00:00:00+08:00"), At("2022-07-10T09:00:00+08:00")}}};
  const std::vector<Hold> holds = policy_.Holds(facts);
  ASSERT_EQ(holds.size(), 2u);
  EXPECT_EQ(holds[0].until, At("2022-07-08T00:00:00+08:00"));  // 24:00 of 7 July
  EXPECT_EQ(holds[1].cleared_from, At("2022-07-10T00:00:00+08:00"));
  EXPECT_EQ(holds[1].until, At("2022-07-11T00:00:00+08:00"));
}

TEST_F(BuiltInPolicyTest, CloseContactWithAnEarlyReportedNegativeIsYellowThroughDay10) {
  const PersonFacts facts{
      .cases = {},
      .exposures = {Close("2022-07-03T20:00:00+08:00", "2022-07-03T21:00:00+08:00")},
      .negatives = {{At("2022-07-13T08:00:00+08:00"), At("2022-07-13T12:00:00+08:00")}}};
  EXPECT_EQ(policy_.Holds(facts)[1].until, At("2022-07-14T00:00:00+08:00"));
}

TEST_F(BuiltInPolicyTest, CloseContactWithoutATestStaysYellow) {
  const PersonFacts facts{
      .cases = {},
      .exposures = {Close("2022-07-03T20:00:00+08:00", "2022-07-03T21:00:00+08:00")},
      .negatives = {}};
  EXPECT_EQ(policy_.Holds(facts)[1].until, kEndOfTime);
}

TEST_F(BuiltInPolicyTest, OngoingCloseContactIsRedUntilSeparation) {
  ExposureFact fact = Close("2022-07-03T20:00:00+08:00", "2022-07-03T21:00:00+08:00");
  fact.ongoing = true;
  const std::vector<Hold> holds =
      policy_.Holds({.cases = {}, .exposures = {fact}, .negatives = {}});
  ASSERT_EQ(holds.size(), 1u);
  EXPECT_EQ(holds[0].until, kEndOfTime);
  EXPECT_EQ(holds[0].cleared_by, "SEPARATION");
}

TEST_F(BuiltInPolicyTest, PlaceExposureEndsWithTwoNegativesADayApart) {
  PersonFacts facts{.cases = {},
                    .exposures = {Place("2022-07-03T20:00:00+08:00", "2022-07-03T21:00:00+08:00")},
                    .negatives = {}};
  EXPECT_EQ(policy_.Holds(facts)[0].until, kEndOfTime);

  // Sampled before or at the last exposure: does not count.
  facts.negatives = {{At("2022-07-03T21:00:00+08:00"), At("2022-07-04T00:00:00+08:00")},
                     {At("2022-07-05T10:00:00+08:00"), At("2022-07-05T20:00:00+08:00")}};
  EXPECT_EQ(policy_.Holds(facts)[0].until, kEndOfTime);

  // A minute short of 24 h.
  facts.negatives = {{At("2022-07-04T10:00:00+08:00"), At("2022-07-04T20:00:00+08:00")},
                     {At("2022-07-05T09:59:00+08:00"), At("2022-07-05T20:00:00+08:00")}};
  EXPECT_EQ(policy_.Holds(facts)[0].until, kEndOfTime);

  facts.negatives.push_back({At("2022-07-05T10:00:00+08:00"), At("2022-07-06T08:00:00+08:00")});
  EXPECT_EQ(policy_.Holds(facts)[0].until, At("2022-07-06T08:00:00+08:00"));

  // Of several pairs the one that is complete first clears, and the first sampling may be reported
  // last.
  facts.negatives = {{At("2022-07-04T10:00:00+08:00"), At("2022-07-09T20:00:00+08:00")},
                     {At("2022-07-04T11:00:00+08:00"), At("2022-07-04T20:00:00+08:00")},
                     {At("2022-07-05T10:30:00+08:00"), At("2022-07-05T20:00:00+08:00")},
                     {At("2022-07-05T11:00:00+08:00"), At("2022-07-07T20:00:00+08:00")}};
  EXPECT_EQ(policy_.Holds(facts)[0].until, At("2022-07-07T20:00:00+08:00"));
}

}  // namespace
}  // namespace epigrid::health_code
