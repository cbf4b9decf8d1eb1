#include "tools/log_backup/consistent_cut.h"

#include <gmock/gmock.h>

namespace epigrid::log_backup {
namespace {

using testing::ElementsAre;
using testing::Pair;

const TopicShard kA{"a.inbox", 0}, kB{"a.inbox", 1}, kC{"c.inbox", 0};

TEST(ConsistentCutTest, WhatHasItsCauseStays) {
  EXPECT_THAT(ConsistentCut({{kA, 10}, {kB, 20}}, {{kA, 10, kB, 20}, {kB, 7, kA, 3}}),
              ElementsAre(Pair(kA, 10), Pair(kB, 20)));
}

TEST(ConsistentCutTest, ARecordWithoutItsCauseGoesWithAllThatFollowsOnIt) {
  EXPECT_THAT(ConsistentCut({{kA, 10}, {kB, 20}}, {{kA, 8, kB, 21}}),
              ElementsAre(Pair(kA, 7), Pair(kB, 20)));
}

TEST(ConsistentCutTest, WhatWasCausedByWhatGoesGoesToo) {
  // In an order in which each look finds but one.
  EXPECT_THAT(ConsistentCut({{kA, 10}, {kB, 20}, {kC, 30}},
                            {{kB, 20, kC, 30}, {kC, 30, kA, 9}, {kA, 9, kC, 31}, {kB, 19, kC, 29}}),
              ElementsAre(Pair(kA, 8), Pair(kB, 19), Pair(kC, 29)));
}

TEST(ConsistentCutTest, ACauseBeyondTheLogIsThere) {
  EXPECT_THAT(ConsistentCut({{kA, 10}}, {{kA, 10, kC, 99}}), ElementsAre(Pair(kA, 10)));
}

TEST(ConsistentCutTest, WhatIsBeyondTheEndSaysNothing) {
  EXPECT_THAT(ConsistentCut({{kA, 10}, {kB, 20}}, {{kA, 11, kB, 21}}),
              ElementsAre(Pair(kA, 10), Pair(kB, 20)));
}

}  // namespace
}  // namespace epigrid::log_backup
