// The limit against a simulated server: so many calls at once take their time, more take longer.
#include "common/rpc/adaptive_limit.h"

#include <gtest/gtest.h>

#include <random>

namespace epigrid {
namespace {

using std::chrono::microseconds;

class AdaptiveLimitTest : public testing::Test {
 protected:
  // `rounds` adjustments, in each of which `calls` take `took` with some noise, `in_flight` at
  // once.
  void Run(int rounds, MethodLatency& method, Duration took, uint32_t in_flight, bool reached,
           int calls = 20) {
    for (int round = 0; round < rounds; ++round) {
      for (int i = 0; i < calls; ++i) limit_.Sample(method, Noisy(took));
      limit_.Adjust(in_flight, reached);
    }
  }
  Duration Noisy(Duration took) {
    std::lognormal_distribution<double> noise(0, 0.3);
    return microseconds(static_cast<int64_t>(static_cast<double>(took.count()) * noise(random_)));
  }

  std::mt19937_64 random_{7};
  AdaptiveLimit limit_{4096};
  MethodLatency& reads_ = limit_.AddMethod();
  MethodLatency& cases_ = limit_.AddMethod();
};

TEST_F(AdaptiveLimitTest, GrowsWhileItIsReachedAndNothingTakesLonger) {
  Run(5, reads_, microseconds(500), 100, false);
  const uint32_t begun = limit_.value();
  Run(10, reads_, microseconds(500), 100, false);
  EXPECT_EQ(limit_.value(), begun);  // nobody needs more
  Run(10, reads_, microseconds(500), begun, true);
  EXPECT_GT(limit_.value(), begun + 100);
  Run(1000, reads_, microseconds(500), 4096, true);
  EXPECT_EQ(limit_.value(), 4096u);
}

TEST_F(AdaptiveLimitTest, FallsAtOnceToWhatWasInFlightAndThenToTheLeast) {
  Run(20, reads_, microseconds(500), 100, false);
  Run(2, reads_, microseconds(10'000), 100, true);
  EXPECT_LE(limit_.value(), 100u);
  Run(10, reads_, microseconds(10'000), 50, true);
  EXPECT_EQ(limit_.value(), AdaptiveLimit::kLeast);
}

TEST_F(AdaptiveLimitTest, FindsTheConcurrencyThatTheServerBears) {
  // 40 at once take 4 ms; beyond that they share what there is.
  uint32_t in_flight = 4;
  Run(20, reads_, microseconds(4000), in_flight, false);
  double sum = 0;
  for (int round = 0; round < 600; ++round) {
    in_flight = limit_.value();
    const double took = 4000 * std::max(1.0, in_flight / 40.0);
    Run(1, reads_, microseconds(static_cast<int64_t>(took)), in_flight, true);
    if (round >= 300) sum += limit_.value();
  }
  // Where calls take twice as long and a little, with the noise and the search around it.
  EXPECT_GT(sum / 300, 40);
  EXPECT_LT(sum / 300, 110);
}

TEST_F(AdaptiveLimitTest, FollowsTheFewThatAreStretchedAndNotTheMany) {
  Run(20, reads_, microseconds(500), 10, false);
  Run(20, cases_, microseconds(15'000), 10, false, 3);
  ASSERT_EQ(limit_.value(), 512u);
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 200; ++i) limit_.Sample(reads_, microseconds(500));
    limit_.Sample(cases_, microseconds(100'000));
    limit_.Adjust(100, true);
  }
  EXPECT_EQ(limit_.value(), AdaptiveLimit::kLeast);
}

TEST_F(AdaptiveLimitTest, OneHiccupIsNoOverload) {
  Run(20, reads_, microseconds(500), 100, false);
  limit_.Sample(reads_, std::chrono::seconds(1));
  Run(1, reads_, microseconds(500), 100, false);
  EXPECT_EQ(limit_.value(), 512u);
}

TEST_F(AdaptiveLimitTest, AnOverloadThatLastsDoesNotBecomeTheUsual) {
  Run(50, reads_, microseconds(500), 10, false);
  // The limit is above the least throughout, and holds calls back: ten minutes of it.
  for (int round = 0; round < 6000; ++round) {
    Run(1, reads_, microseconds(1500), 4096, true);
  }
  EXPECT_LT(reads_.no_load_seconds(), 0.0007);
}

TEST_F(AdaptiveLimitTest, ASlowerWorldIsLearntThoughEverythingIsHeldBack) {
  Run(50, reads_, microseconds(500), 10, false);
  Run(20, reads_, microseconds(5000), 100, true);
  ASSERT_EQ(limit_.value(), AdaptiveLimit::kLeast);
  Run(600, reads_, microseconds(5000), 8, true);  // a minute of it, with next to nothing in flight
  EXPECT_GT(limit_.value(), 100u);
}

TEST_F(AdaptiveLimitTest, WhatIsCrowdedWithFewSamplesSaysNothing) {
  for (uint32_t i = 0; i < AdaptiveLimit::kSamplesToKnow / 2; ++i) {
    limit_.Sample(reads_, microseconds(100 + 10'000 * i));
    limit_.Adjust(100, true);
  }
  EXPECT_GE(limit_.value(), 512u);
}

}  // namespace
}  // namespace epigrid
