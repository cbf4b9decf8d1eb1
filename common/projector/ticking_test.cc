#include "common/projector/ticking.h"

#include <gtest/gtest.h>

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time kNow = Time::FromSeconds(1'700'000'000);

TEST(Ticking, AtLeastOneInTenSecondsAndAtOnceAtFirst) {
  Ticking ticking;
  EXPECT_TRUE(ticking.Due(kNow, {}, std::nullopt, 0));
  ticking.Appended(kNow, 5);
  EXPECT_FALSE(ticking.Due(kNow + seconds(9), kNow, std::nullopt, 5));
  EXPECT_TRUE(ticking.Due(kNow + seconds(10), kNow, std::nullopt, 5));
}

TEST(Ticking, OneASecondWhenATimerIsDueAndNoneBeforeTheLastIsFolded) {
  Ticking ticking;
  ticking.Appended(kNow, 5);
  const Time due = kNow + milliseconds(100);
  EXPECT_FALSE(ticking.Due(kNow + milliseconds(500), kNow, due, 5));
  EXPECT_TRUE(ticking.Due(kNow + seconds(1), kNow, due, 5));
  EXPECT_FALSE(ticking.Due(kNow + seconds(1), kNow, due, 4));
  EXPECT_FALSE(ticking.Due(kNow + seconds(1), kNow, kNow + seconds(2), 5));
}

TEST(Ticking, AtOnceWhileTimersAreLeftThatTheLastTickFoundDue) {
  Ticking ticking;
  ticking.Appended(kNow, 5);
  EXPECT_TRUE(ticking.Due(kNow + milliseconds(1), kNow, kNow, 5));
}

TEST(Ticking, AClockThatJumpedOnlyProbes) {
  Ticking ticking;
  ticking.Look(kNow);
  ticking.Look(kNow + seconds(31));
  EXPECT_FALSE(ticking.trusted());
  ticking.Appended(kNow + seconds(31), 5);
  EXPECT_FALSE(ticking.Due(kNow + seconds(35), kNow, kNow, 5));
  EXPECT_TRUE(ticking.Due(kNow + seconds(41), kNow, kNow, 5));
  ticking.OwnTickRead(kNow + seconds(41), kNow + seconds(42));
  EXPECT_TRUE(ticking.trusted());
}

TEST(Ticking, AClockBehindTheLogIsNotTrusted) {
  Ticking ticking;
  ticking.RecordRead(kNow, kNow - seconds(1'000));
  EXPECT_TRUE(ticking.trusted()) << "an old record says nothing";
  ticking.RecordRead(kNow, kNow + seconds(31));
  EXPECT_FALSE(ticking.trusted());
}

TEST(Ticking, AClockSetBackDoesNotStopTheTicks) {
  Ticking ticking;
  ticking.Appended(kNow, 5);
  EXPECT_TRUE(ticking.Due(kNow - seconds(2), kNow, std::nullopt, 5));
}

TEST(Ticking, TheLogJudgesATick) {
  EXPECT_TRUE(TickIsCredible(kNow, kNow + seconds(30)));
  EXPECT_FALSE(TickIsCredible(kNow, kNow + seconds(31)));
  EXPECT_FALSE(TickIsCredible(kNow, kNow - seconds(31)));
}

}  // namespace
}  // namespace epigrid
