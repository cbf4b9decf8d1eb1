#include "common/base/local_day.h"

#include <gtest/gtest.h>

namespace epigrid {
namespace {

Time At(std::string_view text) { return ParseRfc3339(text).value(); }

TEST(LocalDayTest, ADayOfShanghaiBeginsAtSixteenHoursUtc) {
  const TimeZone zone = TimeZone::Load("Asia/Shanghai").value();
  EXPECT_EQ(zone.name(), "Asia/Shanghai");
  EXPECT_EQ(zone.LocalDay(At("2022-01-09T15:59:59.999999Z")), 19001);
  EXPECT_EQ(zone.LocalDay(At("2022-01-09T16:00:00Z")), 19002);
  EXPECT_EQ(zone.StartOfDay(19002), At("2022-01-09T16:00:00Z"));
}

TEST(LocalDayTest, TheDaysBeforeTheEpochAreNegative) {
  const TimeZone zone = TimeZone::Load("UTC").value();
  EXPECT_EQ(zone.LocalDay(At("1970-01-01T00:00:00Z")), 0);
  EXPECT_EQ(zone.LocalDay(At("1969-12-31T23:59:59.999999Z")), -1);
  EXPECT_EQ(zone.StartOfDay(-1), At("1969-12-31T00:00:00Z"));
}

TEST(LocalDayTest, ADayIsShortOrLongWhereClocksChange) {
  const TimeZone zone = TimeZone::Load("America/New_York").value();
  const int32_t spring = zone.LocalDay(At("2010-03-14T12:00:00Z"));
  EXPECT_EQ(zone.StartOfDay(spring), At("2010-03-14T05:00:00Z"));
  EXPECT_EQ(zone.StartOfDay(spring + 1) - zone.StartOfDay(spring), std::chrono::hours(23));
  const int32_t autumn = zone.LocalDay(At("2010-11-07T12:00:00Z"));
  EXPECT_EQ(zone.StartOfDay(autumn + 1) - zone.StartOfDay(autumn), std::chrono::hours(25));
}

TEST(LocalDayTest, TheDayBeginsLaterWhereMidnightIsSkipped) {
  const TimeZone zone = TimeZone::Load("America/Sao_Paulo").value();
  const int32_t day = zone.LocalDay(At("2018-11-04T12:00:00Z"));
  EXPECT_EQ(zone.StartOfDay(day), At("2018-11-04T03:00:00Z"));  // 01:00 of the new offset
  EXPECT_EQ(zone.LocalDay(zone.StartOfDay(day)), day);
}

// Every day from 1940 to 2060, on both paths, with changes of offset at and around midnight.
TEST(LocalDayTest, StartOfDayIsTheFirstInstantOfItsDay) {
  for (const char* name : {"Asia/Shanghai", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata",
                           "Europe/Berlin", "UTC", "Asia/Kathmandu", "Asia/Seoul"}) {
    const TimeZone zone = TimeZone::Load(name).value();
    for (int32_t day = -10958; day < 32873; ++day) {
      const Time start = zone.StartOfDay(day);
      ASSERT_EQ(zone.LocalDay(start), day) << name;
      ASSERT_EQ(zone.LocalDay(start - Duration(1)), day - 1) << name;
    }
  }
}

TEST(LocalDayTest, AnUnknownZoneIsRefused) {
  for (const char* name : {"", "Middle/Earth", "../../etc/passwd"}) {
    EXPECT_EQ(TimeZone::Load(name).status().reason(), "TIME_ZONE_UNKNOWN") << name;
  }
}

TEST(Rfc3339Test, WritesTheShortestForm) {
  EXPECT_EQ(FormatRfc3339(Time::FromSeconds(1287806706)), "2010-10-23T04:05:06Z");
  EXPECT_EQ(FormatRfc3339(Time{1287806706'500000}), "2010-10-23T04:05:06.5Z");
  EXPECT_EQ(FormatRfc3339(Time{1287806706'000001}), "2010-10-23T04:05:06.000001Z");
  EXPECT_EQ(FormatRfc3339(Time{-1}), "1969-12-31T23:59:59.999999Z");
}

TEST(Rfc3339Test, ReadsOffsetsAndFractions) {
  EXPECT_EQ(At("2010-10-23T04:05:06Z"), Time::FromSeconds(1287806706));
  EXPECT_EQ(At("2010-10-23T12:05:06+08:00"), Time::FromSeconds(1287806706));
  EXPECT_EQ(At("2010-10-22T23:05:06-05:00"), Time::FromSeconds(1287806706));
  EXPECT_EQ(At("2010-10-23T04:05:06.123456789Z"), Time{1287806706'123456});
  EXPECT_EQ(At("0001-01-01T00:00:00Z").seconds(), -62135596800);
}

TEST(Rfc3339Test, ReadsWhatItWrites) {
  for (int64_t micros : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{1'650'000'000'123'450}}) {
    EXPECT_EQ(At(FormatRfc3339(Time{micros})), Time{micros});
  }
}

TEST(Rfc3339Test, RefusesAnythingElse) {
  for (const char* text :
       {"", "2010-10-23", "2010-10-23T04:05:06", "2010-10-23 04:05:06Z", " 2010-10-23T04:05:06Z",
        "2010-10-23T04:05:06Z ", "2010-10-23T04:05:06.Z", "2010-10-23T04:05:06+0800",
        "2010-13-23T04:05:06Z", "2010-02-30T04:05:06Z", "2010-10-23T24:05:06Z",
        "2010-10-23T04:60:06Z", "0000-10-23T04:05:06Z", "infinite-future", "+010-10-23T04:05:06Z",
        "2010-10-23T04:05:06+99:00"}) {
    EXPECT_EQ(ParseRfc3339(text).status().reason(), "TIME_MALFORMED") << text;
  }
}

}  // namespace
}  // namespace epigrid
