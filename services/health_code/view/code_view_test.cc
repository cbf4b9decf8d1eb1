#include "services/health_code/view/code_view.h"

#include <gtest/gtest.h>

#include "common/base/proto_time.h"
#include "services/health_code/domain/timeline.h"

namespace epigrid::health_code {
namespace {

const std::string kPerson = "person_1";

std::string StoredCell(int64_t folded_at = 0) {
  state::v1::StoredCode stored;
  *stored.mutable_timeline() = MakeTimeline({{.rule = "RULE",
                                              .evidence = "case_1",
                                              .from = Time::FromSeconds(100),
                                              .until = Time::FromSeconds(200),
                                              .colour = v1::COLOUR_RED,
                                              .measure = v1::MEASURE_CENTRAL,
                                              .cleared_by = "TIME",
                                              .cleared_from = {}}},
                                            Time::FromSeconds(folded_at));
  stored.set_version(7);
  *stored.mutable_last_negative_sampled_time() = ToProto(Time::FromSeconds(50));
  return stored.SerializeAsString();
}

TEST(CodeViewTest, NobodyKnownIsGreen) {
  const v1::Code code = CodeAsOf(kPerson, std::nullopt, Time::FromSeconds(1));
  EXPECT_EQ(code.colour(), v1::COLOUR_GREEN);
  EXPECT_EQ(code.measure(), v1::MEASURE_NONE);
  EXPECT_TRUE(code.reasons().empty());
  EXPECT_FALSE(code.has_last_negative_sampled_time());
}

TEST(CodeViewTest, TheTimelineSaysWhatHoldsAtAnyTime) {
  const v1::Code before = CodeAsOf(kPerson, StoredCell(), Time::FromSeconds(99));
  EXPECT_EQ(before.colour(), v1::COLOUR_GREEN);
  EXPECT_EQ(before.timeline_size(), 3);
  EXPECT_FALSE(before.timeline(0).has_from_time());

  const v1::Code during = CodeAsOf(kPerson, StoredCell(), Time::FromSeconds(100));
  EXPECT_EQ(during.colour(), v1::COLOUR_RED);
  EXPECT_EQ(during.reasons(0).evidence(0), "case_1");
  EXPECT_EQ(during.timeline_size(), 2);
  EXPECT_EQ(FromProto(during.timeline(0).from_time()), Time::FromSeconds(100));
  EXPECT_EQ(during.version(), 7u);
  EXPECT_EQ(FromProto(during.last_negative_sampled_time()), Time::FromSeconds(50));

  const v1::Code after = CodeAsOf(kPerson, StoredCell(), Time::FromSeconds(200));
  EXPECT_EQ(after.colour(), v1::COLOUR_GREEN);
  EXPECT_TRUE(after.reasons().empty());
  EXPECT_EQ(after.timeline_size(), 1);
}

// The API's sample of shard time is a little behind the cell.
TEST(CodeViewTest, ACellThatIsAheadOfItsShardsTimeShowsWhatItHasComeTo) {
  const v1::Code code = CodeAsOf(kPerson, StoredCell(100), Time::FromSeconds(99));
  EXPECT_EQ(code.colour(), v1::COLOUR_RED);
  EXPECT_EQ(code.timeline_size(), 2);
}

TEST(CodeViewTest, UnderReviewSaysNothing) {
  const v1::Code code = CodeUnderReview(kPerson, Time::FromSeconds(100));
  EXPECT_EQ(code.colour(), v1::COLOUR_UNDER_REVIEW);
  EXPECT_EQ(code.measure(), v1::MEASURE_UNSPECIFIED);
  EXPECT_TRUE(code.timeline().empty());
  EXPECT_FALSE(code.has_last_negative_sampled_time());
}

}  // namespace
}  // namespace epigrid::health_code
