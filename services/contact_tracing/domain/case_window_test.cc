#include "services/contact_tracing/domain/case_window.h"

#include <gtest/gtest.h>

#include "common/base/proto_time.h"

namespace epigrid::contact_tracing {
namespace {

class CaseWindowTest : public testing::Test {
 protected:
  // Hours since 00:00 on 1 January 2022 in Shanghai.
  static Time At(int hour) { return Time::FromSeconds(1'640'966'400 + hour * 3600); }
  static Span S(int from, int until) { return {At(from), At(until)}; }

  Span Venues(Time anchor, const Spans& isolations) const {
    return WindowsOf(policy_, anchor, isolations, {}).venues;
  }
  Time HouseholdUntil(const Spans& isolations, const Spans& separations) const {
    return WindowsOf(policy_, At(100), isolations, separations).household.until;
  }

  const TracingPolicy policy_ = TracingPolicy::From(state::v1::TracingConfiguration()).value();
};

TEST_F(CaseWindowTest, BeginsTwoLocalDaysBeforeTheAnchor) {
  EXPECT_EQ(Venues(At(3 * 24), {}).from, At(24));
  EXPECT_EQ(Venues(At(3 * 24 + 23), {}).from, At(24));
  EXPECT_EQ(Venues(At(3 * 24), {}).until, kEndOfTime);
}

TEST_F(CaseWindowTest, EndsWithTheFirstIsolationThatEndsAfterTheAnchor) {
  const Time anchor = At(100);
  EXPECT_EQ(Venues(anchor, {S(120, 200)}).until, At(120));
  EXPECT_EQ(Venues(anchor, {S(90, 200)}).until, At(90));
  EXPECT_EQ(Venues(anchor, {S(60, 80), S(120, 200)}).until, At(120));
  EXPECT_EQ(Venues(anchor, {S(60, 80)}).until, kEndOfTime);
  EXPECT_EQ(Venues(anchor, {{At(110), kEndOfTime}}).until, At(110));
}

TEST_F(CaseWindowTest, IsEmptyForWhoWasKeptApartAllAlong) {
  const Span window = Venues(At(100), {S(1, 200)});
  EXPECT_EQ(window.from, window.until);
}

TEST_F(CaseWindowTest, InTheHouseholdEndsWithASeparationOrWhenIsolationIsOver) {
  EXPECT_EQ(HouseholdUntil({}, {}), kEndOfTime);
  EXPECT_EQ(HouseholdUntil({{At(120), kEndOfTime}}, {}), kEndOfTime);
  EXPECT_EQ(HouseholdUntil({S(120, 200)}, {}), At(200));
  EXPECT_EQ(HouseholdUntil({S(60, 80)}, {}), kEndOfTime);
  EXPECT_EQ(HouseholdUntil({S(60, 80), S(120, 200), S(300, 400)}, {}), At(200));
  EXPECT_EQ(HouseholdUntil({S(120, 200)}, {S(150, 200)}), At(150));
  EXPECT_EQ(HouseholdUntil({S(120, 200), S(300, 400)}, {S(300, 400)}), At(200));
  EXPECT_EQ(HouseholdUntil({S(1, 200)}, {S(1, 200)}), At(2 * 24));
}

TEST_F(CaseWindowTest, TheAnchorIsTheEarlierOfOnsetAndSampling) {
  state::v1::CaseRecord record;
  EXPECT_EQ(AnchorOf(record), std::nullopt);
  *record.mutable_onset_time() = ToProto(At(50));
  EXPECT_EQ(AnchorOf(record), At(50));
  *record.mutable_reported_sampled_time() = ToProto(At(60));
  EXPECT_EQ(AnchorOf(record), At(50));
  auto& test = *record.add_tests();
  *test.mutable_sampled_time() = ToProto(At(40));
  test.set_positive(true);
  EXPECT_EQ(AnchorOf(record), At(40));
  test.set_positive(false);
  EXPECT_EQ(SampledTime(record), At(60));
  record.clear_reported_sampled_time();
  record.clear_onset_time();
  EXPECT_EQ(AnchorOf(record), At(40)) << "a case keeps a time, whatever becomes of its tests";
}

TEST(TracingPolicyTest, SaysWhatIsWrongWithAConfiguration) {
  state::v1::TracingConfiguration configuration;
  configuration.set_retention_days(601);
  EXPECT_EQ(TracingPolicy::From(configuration).status().reason(), "TRACING_CONFIGURATION_INVALID");
  configuration.set_retention_days(600);
  EXPECT_TRUE(TracingPolicy::From(configuration).ok());
  configuration.set_time_zone("Nowhere/Land");
  EXPECT_EQ(TracingPolicy::From(configuration).status().reason(), "TIME_ZONE_UNKNOWN");
}

TEST(TracingPolicyTest, ADayIsPastAfterRetentionAndForgottenADayLater) {
  const auto policy = TracingPolicy::From(state::v1::TracingConfiguration()).value();
  const Time now = Time::FromSeconds(1'640'966'400) + std::chrono::hours(24 * 20 + 10);
  const int32_t today = policy.zone.LocalDay(now);
  EXPECT_FALSE(policy.IsPast(today - 14, now));
  EXPECT_TRUE(policy.IsPast(today - 15, now));
  EXPECT_FALSE(policy.IsPast(today - 15, Time{}));
  EXPECT_GT(policy.ForgetAt(today - 15), now);
  EXPECT_LE(policy.ForgetAt(today - 16), now);
}

}  // namespace
}  // namespace epigrid::contact_tracing
