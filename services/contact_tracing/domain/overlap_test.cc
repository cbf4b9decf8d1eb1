#include "services/contact_tracing/domain/overlap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/proto_time.h"

namespace epigrid::contact_tracing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::IsEmpty;

Time At(int minute) { return Time::FromSeconds(1'640'966'400 + minute * 60); }
Span S(int from, int until, bool estimated = false) { return {At(from), At(until), estimated}; }

TEST(OverlapTest, StaysThatOverlapOrTouchAreOne) {
  EXPECT_THAT(Unite({S(60, 90), S(0, 30), S(30, 40), S(35, 50, true), S(51, 52)}),
              ElementsAre(S(0, 50, true), S(51, 52), S(60, 90)));
  EXPECT_THAT(Unite({}), IsEmpty());
  EXPECT_THAT(Unite({S(0, 100), S(10, 20)}), ElementsAre(S(0, 100)));
}

TEST(OverlapTest, WhatTwoShareIsWhereBothAre) {
  EXPECT_THAT(Intersect({S(0, 10), S(20, 30)}, {S(5, 25, true)}),
              ElementsAre(S(5, 10, true), S(20, 25, true)));
  EXPECT_THAT(Intersect({S(0, 10)}, {S(10, 20)}), IsEmpty());
  EXPECT_THAT(Intersect({S(0, 10)}, {}), IsEmpty());
}

TEST(OverlapTest, SubtractionCutsHoles) {
  EXPECT_THAT(Subtract({S(0, 100)}, {S(10, 20), S(30, 40)}),
              ElementsAre(S(0, 10), S(20, 30), S(40, 100)));
  EXPECT_THAT(Subtract({S(0, 100)}, {S(0, 100)}), IsEmpty());
  EXPECT_THAT(Subtract({S(10, 20), S(30, 40)}, {S(5, 12), S(15, 35)}),
              ElementsAre(S(12, 15), S(35, 40)));
  EXPECT_THAT(Subtract({{At(0), kEndOfTime}}, {{At(10), kEndOfTime}}), ElementsAre(S(0, 10)));
}

events::v1::Stay Stay(int start, int end = -1, int next = -1) {
  events::v1::Stay stay;
  *stay.mutable_start_time() = ToProto(At(start));
  if (end >= 0) *stay.mutable_end_time() = ToProto(At(end));
  if (next >= 0) *stay.mutable_next_start_time() = ToProto(At(next));
  return stay;
}

Spans Closed(const events::v1::Stay& stay, const StayRule& rule) {
  google::protobuf::RepeatedPtrField<events::v1::Stay> stays;
  *stays.Add() = stay;
  Spans spans;
  AppendClosed(stays, rule, spans);
  return spans;
}

TEST(OverlapTest, AStayIsClosedByItsEndElseByNextStartUsualStayAndCap) {
  const StayRule rule{.usual_stay = hours(2), .stay_cap = hours(12), .stay_min = minutes(10)};
  EXPECT_THAT(Closed(Stay(0, 600), rule), ElementsAre(S(0, 600)));
  EXPECT_THAT(Closed(Stay(0), rule), ElementsAre(S(0, 120, true)));
  EXPECT_THAT(Closed(Stay(0, -1, 30), rule), ElementsAre(S(0, 30, true)));
  EXPECT_THAT(Closed(Stay(0, -1, 300), rule), ElementsAre(S(0, 120, true)));
  const StayRule capped{.usual_stay = hours(20), .stay_cap = hours(12), .stay_min = minutes(10)};
  EXPECT_THAT(Closed(Stay(0), capped), ElementsAre(S(0, 720, true)));
}

TEST(OverlapTest, StaysUnderTenMinutesAreDropped) {
  const StayRule rule{.usual_stay = hours(2), .stay_cap = hours(12), .stay_min = minutes(10)};
  EXPECT_THAT(Closed(Stay(0, 9), rule), IsEmpty());
  EXPECT_THAT(Closed(Stay(0, 10), rule), ElementsAre(S(0, 10)));
  EXPECT_THAT(Closed(Stay(0, -1, 9), rule), IsEmpty());
  EXPECT_THAT(Closed(Stay(10, 5), rule), IsEmpty());
}

TEST(OverlapTest, MinutesAreWholeOnesOfALocalDaysSum) {
  const TimeZone zone = TimeZone::Load("Asia/Shanghai").value();
  const int32_t day = zone.LocalDay(At(0));  // At(0) is its midnight
  EXPECT_THAT(MinutesByDay(zone, {S(1430, 1450)}),
              ElementsAre(DayMinutes{day, 10}, DayMinutes{day + 1, 10}));
  const Spans halves = {{At(0), At(0) + std::chrono::seconds(30)},
                        {At(5), At(5) + std::chrono::seconds(89)}};
  EXPECT_THAT(MinutesByDay(zone, halves), ElementsAre(DayMinutes{day, 1}));
  EXPECT_THAT(MinutesByDay(zone, {{At(0), At(0) + std::chrono::seconds(59)}}), IsEmpty());
}

TEST(OverlapTest, ADayIsOfTheZoneAlsoWhereClocksChange) {
  const TimeZone zone = TimeZone::Load("America/New_York").value();
  // 14 March 2021: 23 hours; from 13 March 22:00 local to 15 March 02:00 local.
  const Time from = Time::FromSeconds(1'615'690'800);
  const int32_t day = zone.LocalDay(from);
  EXPECT_THAT(
      MinutesByDay(zone, {{from, from + hours(27)}}),
      ElementsAre(DayMinutes{day, 120}, DayMinutes{day + 1, 23 * 60}, DayMinutes{day + 2, 120}));
}

}  // namespace
}  // namespace epigrid::contact_tracing
