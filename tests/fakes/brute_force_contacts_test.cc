#include "tests/fakes/brute_force_contacts.h"

#include <gtest/gtest.h>

namespace epigrid {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Presence = BruteForceContacts::Presence;
using Setting = BruteForceContacts::Setting;
using Stay = BruteForceContacts::Stay;
using Together = BruteForceContacts::Together;
using Contacts = std::map<BruteForceContacts::PersonAndSetting, Together>;

constexpr int32_t kDay = 19'300;  // 4 November 2022
// Noon in Shanghai on kDay.
constexpr Time kNoon = Time::FromSeconds(int64_t{kDay} * 86'400 + int64_t{4} * 3'600);
constexpr Time kAlways = Time::FromSeconds(1);

std::vector<Stay> StaysOfA(const std::vector<Presence>& presences) {
  const BruteForceContacts city({{"s", {}}, {"short", minutes(30)}, {"long", hours(20)}}, presences,
                                "Asia/Shanghai");
  return city.StaysOf("a", presences.front().setting);
}

Contacts FindA(const std::vector<Presence>& presences, Time from = kAlways,
               Time until = kEndOfTime) {
  return BruteForceContacts({{"s", {}}, {"t", {}}}, presences, "Asia/Shanghai")
      .Find("a", from, until);
}

TEST(BruteForceStays, EndAsDeclared) {
  EXPECT_EQ(StaysOfA({{"a", "short", kNoon, kNoon + hours(3)}}),
            (std::vector<Stay>{{kNoon, kNoon + hours(3)}}));
  // Also beyond the cap, and beyond the next check-in.
  EXPECT_EQ(StaysOfA({{"a", "s", kNoon, kNoon + hours(13)}, {"a", "other", kNoon + hours(1), {}}}),
            (std::vector<Stay>{{kNoon, kNoon + hours(13)}}));
}

TEST(BruteForceStays, EndAfterTheUsualStay) {
  EXPECT_EQ(StaysOfA({{"a", "s", kNoon, {}}}), (std::vector<Stay>{{kNoon, kNoon + hours(2)}}));
  EXPECT_EQ(StaysOfA({{"a", "short", kNoon, {}}}),
            (std::vector<Stay>{{kNoon, kNoon + minutes(30)}}));
}

TEST(BruteForceStays, EndAfterTwelveHours) {
  EXPECT_EQ(StaysOfA({{"a", "long", kNoon, {}}}), (std::vector<Stay>{{kNoon, kNoon + hours(12)}}));
}

TEST(BruteForceStays, EndWithTheNextCheckInAnywhere) {
  EXPECT_EQ(StaysOfA({{"a", "s", kNoon, {}}, {"a", "unknown", kNoon + minutes(25), {}}}),
            (std::vector<Stay>{{kNoon, kNoon + minutes(25)}}));
}

TEST(BruteForceStays, ACheckInAtTheSameTimeEndsNothing) {
  EXPECT_EQ(StaysOfA({{"a", "s", kNoon, {}}, {"a", "t", kNoon, {}}}),
            (std::vector<Stay>{{kNoon, kNoon + hours(2)}}));
}

TEST(BruteForceStays, AnotherPersonsCheckInEndsNothing) {
  EXPECT_EQ(StaysOfA({{"a", "s", kNoon, {}}, {"b", "s", kNoon + minutes(5), {}}}),
            (std::vector<Stay>{{kNoon, kNoon + hours(2)}}));
}

TEST(BruteForceStays, UnderTenMinutesAreDroppedBeforeTheyAreUnited) {
  EXPECT_TRUE(StaysOfA({{"a", "s", kNoon, kNoon + minutes(10) - seconds(1)}}).empty());
  EXPECT_EQ(StaysOfA({{"a", "s", kNoon, kNoon + minutes(10)}}).size(), 1U);
  EXPECT_TRUE(StaysOfA({{"a", "s", kNoon, kNoon + minutes(9)},
                        {"a", "s", kNoon + minutes(9), kNoon + minutes(18)}})
                  .empty());
}

TEST(BruteForceStays, AreUnitedWhereTheyOverlapOrTouch) {
  EXPECT_EQ(StaysOfA({{"a", "s", kNoon, kNoon + hours(3)},
                      {"a", "s", kNoon + hours(1), kNoon + hours(2)},
                      {"a", "s", kNoon + hours(3), kNoon + hours(4)},
                      {"a", "s", kNoon + hours(5), kNoon + hours(6)}}),
            (std::vector<Stay>{{kNoon, kNoon + hours(4)}, {kNoon + hours(5), kNoon + hours(6)}}));
}

TEST(BruteForceStays, DoNotDependOnTheOrderOfRows) {
  EXPECT_EQ(StaysOfA({{"a", "s", kNoon + minutes(20), {}}, {"a", "s", kNoon, {}}}),
            (std::vector<Stay>{{kNoon, kNoon + minutes(20) + hours(2)}}));
}

TEST(BruteForceContacts, AreThoseWhoOverlap) {
  const Contacts contacts = FindA({{"a", "s", kNoon, kNoon + hours(1)},
                                   {"b", "s", kNoon + minutes(50), kNoon + hours(2)},
                                   {"c", "s", kNoon + hours(1), kNoon + hours(2)},
                                   {"d", "t", kNoon, kNoon + hours(1)}});
  EXPECT_EQ(contacts,
            (Contacts{{{"b", "s"}, {{{kDay, 10}}, kNoon + minutes(50), kNoon + hours(1)}}}));
}

TEST(BruteForceContacts, AreSymmetric) {
  const BruteForceContacts city(
      {{"s", {}}},
      {{"a", "s", kNoon, kNoon + hours(1)}, {"b", "s", kNoon + minutes(50), kNoon + hours(2)}},
      "Asia/Shanghai");
  EXPECT_EQ(city.Find("a", kAlways, kEndOfTime).at({"b", "s"}),
            city.Find("b", kAlways, kEndOfTime).at({"a", "s"}));
}

TEST(BruteForceContacts, SumSecondsBeforeTheyAreCutToMinutes) {
  const std::vector<Presence> presences{
      {"a", "s", kNoon, kNoon + hours(3)},
      {"b", "s", kNoon - minutes(20), kNoon + seconds(40)},
      {"b", "s", kNoon + hours(2), kNoon + hours(2) + minutes(10) + seconds(30)}};
  EXPECT_EQ(FindA(presences),
            (Contacts{{{"b", "s"},
                       {{{kDay, 11}}, kNoon, kNoon + hours(2) + minutes(10) + seconds(30)}}}));
}

TEST(BruteForceContacts, SplitAtLocalMidnightAndDropDaysWithoutAMinute) {
  const Time midnight = kNoon + hours(12);
  const Time before = midnight - seconds(59);
  EXPECT_EQ(
      FindA({{"a", "s", before, midnight + minutes(30)},
             {"b", "s", before, midnight + minutes(20) + seconds(5)}}),
      (Contacts{{{"b", "s"}, {{{kDay + 1, 20}}, midnight, midnight + minutes(20) + seconds(5)}}}));
  EXPECT_EQ(
      FindA({{"a", "s", midnight - minutes(7), midnight + minutes(8)},
             {"b", "s", midnight - minutes(30), midnight + minutes(30)}}),
      (Contacts{{{"b", "s"},
                 {{{kDay, 7}, {kDay + 1, 8}}, midnight - minutes(7), midnight + minutes(8)}}}));
}

TEST(BruteForceContacts, UnderOneMinuteIsNone) {
  EXPECT_TRUE(FindA({{"a", "s", kNoon, kNoon + hours(1)},
                     {"b", "s", kNoon + minutes(59) + seconds(1), kNoon + hours(2)}})
                  .empty());
}

TEST(BruteForceContacts, AreClippedToTheWindowAfterShortStaysAreDropped) {
  const std::vector<Presence> presences{{"a", "s", kNoon, kNoon + hours(1)},
                                        {"b", "s", kNoon, kNoon + hours(1)}};
  const Contacts contacts = FindA(presences, kNoon + minutes(57), kNoon + minutes(59));
  EXPECT_EQ(contacts,
            (Contacts{{{"b", "s"}, {{{kDay, 2}}, kNoon + minutes(57), kNoon + minutes(59)}}}));
  EXPECT_TRUE(FindA(presences, kNoon + hours(1), kEndOfTime).empty());
  EXPECT_TRUE(FindA(presences, kAlways, kNoon).empty());
}

TEST(BruteForceContacts, NeedAKnownSetting) {
  EXPECT_TRUE(FindA({{"a", "unknown", kNoon, {}}, {"b", "unknown", kNoon, {}}}).empty());
}

TEST(BruteForceContacts, LocalDaysFollowTheZone) {
  // New York, where clocks went back at 02:00 on 6 November 2022: that day has 25 hours.
  const Time midnight = Time::FromSeconds(1'667'707'200);  // 04:00 UTC
  const BruteForceContacts city({{"s", {}}},
                                {{"a", "s", midnight - hours(2), midnight + hours(26)},
                                 {"b", "s", midnight - hours(1), midnight + hours(27)}},
                                "America/New_York");
  EXPECT_EQ(city.Find("a", kAlways, kEndOfTime).at({"b", "s"}).minutes_by_day,
            (std::map<int32_t, int64_t>{{19'301, 60}, {19'302, 25 * 60}, {19'303, 60}}));
}

TEST(BruteForceContactsFind, ResidentsAreThereAllTheTime) {
  const auto find = [](const std::vector<Presence>& presences,
                       const std::vector<BruteForceContacts::Residence>& residences) {
    return BruteForceContacts({{"home", {}}}, presences, "Asia/Shanghai", residences)
        .Find("a", kAlways, kEndOfTime);
  };
  // A guest of the case, and the case as a guest, each instant once.
  EXPECT_EQ(
      find({{"b", "home", kNoon, kNoon + hours(1)}}, {{"a", "home", kAlways, kNoon + minutes(20)}}),
      (Contacts{{{"b", "home"}, {{{kDay, 20}}, kNoon, kNoon + minutes(20)}}}));
  EXPECT_EQ(
      find({{"a", "home", kNoon, kNoon + hours(1)}, {"b", "home", kNoon, kNoon + minutes(30)}},
           {{"b", "home", kNoon + minutes(20), kNoon + minutes(50)}}),
      (Contacts{{{"b", "home"}, {{{kDay, 50}}, kNoon, kNoon + minutes(50)}}}));
  // Both live there: the day counts without minutes.
  EXPECT_EQ(
      find({}, {{"a", "home", kNoon, kNoon + hours(13)}, {"b", "home", kNoon, kNoon + hours(20)}}),
      (Contacts{{{"b", "home"}, {{{kDay, 0}, {kDay + 1, 0}}, kNoon, kNoon + hours(13)}}}));
}

}  // namespace
}  // namespace epigrid
