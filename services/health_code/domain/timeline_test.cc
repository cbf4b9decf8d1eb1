#include "services/health_code/domain/timeline.h"

#include <gtest/gtest.h>

#include "common/base/proto_time.h"

namespace epigrid::health_code {
namespace {

Hold MakeHold(int64_t from, int64_t until, v1::Colour colour, v1::Measure measure,
              std::string evidence = "case_1") {
  return {.rule = "RULE",
          .evidence = std::move(evidence),
          .from = Time::FromSeconds(from),
          .until = until == 0 ? kEndOfTime : Time::FromSeconds(until),
          .colour = colour,
          .measure = measure,
          .cleared_by = "TIME",
          .cleared_from = {}};
}

v1::Colour ColourAt(const Timeline& timeline, int64_t seconds) {
  const v1::TimelineEntry* entry = EntryAt(timeline, Time::FromSeconds(seconds));
  return entry == nullptr ? v1::COLOUR_GREEN : entry->colour();
}

TEST(TimelineTest, NoHoldIsAlwaysGreen) {
  const Timeline timeline = MakeTimeline({}, Time::FromSeconds(1));
  EXPECT_TRUE(timeline.empty());
  EXPECT_EQ(EntryAt(timeline, Time::FromSeconds(1)), nullptr);
  EXPECT_EQ(NextChange(timeline, Time{}), kEndOfTime);
}

TEST(TimelineTest, TheGravestHoldColours) {
  const Timeline timeline =
      MakeTimeline({MakeHold(100, 300, v1::COLOUR_YELLOW, v1::MEASURE_HOME),
                    MakeHold(200, 250, v1::COLOUR_RED, v1::MEASURE_CENTRAL, "case_2")},
                   Time::FromSeconds(99));
  EXPECT_FALSE(timeline[0].has_from_time());
  EXPECT_EQ(ColourAt(timeline, 99), v1::COLOUR_GREEN);
  EXPECT_EQ(ColourAt(timeline, 100), v1::COLOUR_YELLOW);
  EXPECT_EQ(ColourAt(timeline, 200), v1::COLOUR_RED);
  EXPECT_EQ(EntryAt(timeline, Time::FromSeconds(200))->reasons(0).evidence(0), "case_2");
  EXPECT_EQ(EntryAt(timeline, Time::FromSeconds(200))->reasons_size(), 2);
  EXPECT_EQ(ColourAt(timeline, 250), v1::COLOUR_YELLOW);
  EXPECT_EQ(ColourAt(timeline, 300), v1::COLOUR_GREEN);
  EXPECT_EQ(EntryAt(timeline, Time::FromSeconds(300))->measure(), v1::MEASURE_NONE);
  EXPECT_EQ(NextChange(timeline, Time::FromSeconds(250)), Time::FromSeconds(300));
}

TEST(TimelineTest, ColourAndMeasureAreGravestEachByItself) {
  const Timeline timeline =
      MakeTimeline({MakeHold(100, 0, v1::COLOUR_YELLOW, v1::MEASURE_CENTRAL),
                    MakeHold(100, 0, v1::COLOUR_RED, v1::MEASURE_HOME, "case_2")},
                   Time::FromSeconds(100));
  ASSERT_EQ(timeline.size(), 1);
  EXPECT_EQ(timeline[0].colour(), v1::COLOUR_RED);
  EXPECT_EQ(timeline[0].measure(), v1::MEASURE_CENTRAL);
}

TEST(TimelineTest, AnEmptySpanAddsNothing) {
  EXPECT_TRUE(
      MakeTimeline({MakeHold(100, 100, v1::COLOUR_RED, v1::MEASURE_HOME)}, Time::FromSeconds(100))
          .empty());
}

TEST(TimelineTest, TheOrderOfHoldsDoesNotMatter) {
  std::vector<Hold> holds{MakeHold(100, 300, v1::COLOUR_YELLOW, v1::MEASURE_HOME, "b"),
                          MakeHold(100, 300, v1::COLOUR_YELLOW, v1::MEASURE_HOME, "a")};
  const Timeline one = MakeTimeline(holds, Time::FromSeconds(100));
  std::swap(holds[0], holds[1]);
  const Timeline other = MakeTimeline(holds, Time::FromSeconds(100));
  ASSERT_EQ(one.size(), other.size());
  for (int i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].SerializeAsString(), other[i].SerializeAsString());
  }
}

TEST(TimelineTest, ReasonsAreCapped) {
  std::vector<Hold> holds;
  for (int i = 0; i < 40; ++i) {
    holds.push_back(MakeHold(100, 0, i == 39 ? v1::COLOUR_RED : v1::COLOUR_YELLOW, v1::MEASURE_HOME,
                             "case_" + std::to_string(i)));
  }
  const Timeline timeline = MakeTimeline(holds, Time::FromSeconds(100));
  EXPECT_EQ(timeline[0].reasons_size(), kReasonsPerEntryMax);
  EXPECT_EQ(timeline[0].reasons(0).evidence(0), "case_39");
}

TEST(TimelineTest, WhatDiffersOnlyBeyondTheNamedReasonsIsOneEntry) {
  std::vector<Hold> holds;
  for (int i = 0; i < 40; ++i) {
    holds.push_back(MakeHold(100, 200 + i, v1::COLOUR_YELLOW, v1::MEASURE_HOME,
                             "case_" + std::to_string(900 - i)));
  }
  // The last 16 that end are the ones that are named.
  const Timeline timeline = MakeTimeline(holds, Time::FromSeconds(100));
  EXPECT_EQ(timeline.size(), 1 + kReasonsPerEntryMax);
  EXPECT_EQ(NextChange(timeline, Time::FromSeconds(100)), Time::FromSeconds(224));
}

TEST(TimelineTest, LeavesOutWhatIsOver) {
  const std::vector<Hold> holds{MakeHold(100, 200, v1::COLOUR_RED, v1::MEASURE_CENTRAL),
                                MakeHold(200, 300, v1::COLOUR_YELLOW, v1::MEASURE_HOME),
                                MakeHold(150, 150, v1::COLOUR_RED, v1::MEASURE_CENTRAL, "case_2"),
                                MakeHold(400, 0, v1::COLOUR_RED, v1::MEASURE_CENTRAL, "case_3")};
  Timeline moved = MakeTimeline(holds, Time::FromSeconds(50));
  EXPECT_EQ(moved.size(), 5);
  for (const int64_t now : {99, 100, 199, 200, 299, 300, 350, 400, 500}) {
    const Timeline made = MakeTimeline(holds, Time::FromSeconds(now));
    MoveOn(moved, Time::FromSeconds(now));
    ASSERT_EQ(made.size(), moved.size()) << now;
    for (int i = 0; i < made.size(); ++i) {
      EXPECT_EQ(made[i].SerializeAsString(), moved[i].SerializeAsString()) << now;
    }
    EXPECT_EQ(made.size(), now < 100 ? 5 : now < 200 ? 4 : now < 300 ? 3 : now < 400 ? 2 : 1);
    // Who reads it as of a little earlier sees what the fold has come to.
    EXPECT_EQ(ColourAt(made, 0), made[0].colour());
  }
}

}  // namespace
}  // namespace epigrid::health_code
