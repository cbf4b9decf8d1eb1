#include "common/service/event_age.h"

#include <gtest/gtest.h>

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class EventAgesTest : public testing::Test, private Clock {
 protected:
  Time Now() const override { return now_; }

  std::string Reason(WorkClass work, const std::vector<Shard>& shards) {
    return ages_.Admit(work, shards).reason();
  }
  void Appended(ShardPosition position) { ages_.Appended({position}, now_); }

  Time now_ = Time::FromSeconds(1000);
  std::vector<Offset> applied_ = std::vector<Offset>(4, 0);
  Metrics metrics_;
  EventAges ages_{"test", 4, [this](Shard shard) { return applied_[shard]; }, *this, metrics_};
};

TEST_F(EventAgesTest, IsTheTimeThatTheOldestUnappliedRecordHasWaited) {
  EXPECT_EQ(ages_.Of(1), Duration(0));
  Appended({1, 10});
  now_ = now_ + seconds(2);
  Appended({1, 20});
  now_ = now_ + seconds(3);
  EXPECT_EQ(ages_.Of(1), seconds(5));
  EXPECT_EQ(ages_.Of(2), Duration(0));
  applied_[1] = 10;
  EXPECT_EQ(ages_.Of(1), seconds(3));
  applied_[1] = 20;
  EXPECT_EQ(ages_.Of(1), Duration(0));
}

TEST_F(EventAgesTest, RemembersASteadyStreamInLittleRoom) {
  for (Offset offset = 1; offset <= 100'000; ++offset, now_ = now_ + milliseconds(1)) {
    Appended({0, offset});
  }
  EXPECT_EQ(ages_.Of(0), seconds(100));
  applied_[0] = 99'000;
  EXPECT_LE(ages_.Of(0), seconds(100));
  applied_[0] = 100'000;
  EXPECT_EQ(ages_.Of(0), Duration(0));
}

TEST_F(EventAgesTest, WhatIsToldLateCountsFromWhenItWasAppended) {
  const Time first = now_;
  now_ = now_ + seconds(3);
  Appended({1, 20});
  ages_.Appended({{1, 10}}, first);
  EXPECT_EQ(ages_.Of(1), seconds(3));
  applied_[1] = 10;
  EXPECT_EQ(ages_.Of(1), Duration(0));  // of the other, which came just now
  now_ = now_ + seconds(1);
  EXPECT_EQ(ages_.Of(1), seconds(1));
  ages_.Appended({{1, 5}}, first);  // applied long since
  EXPECT_EQ(ages_.Of(1), seconds(1));
}

TEST_F(EventAgesTest, TheLastOfAStreamIsNotForgottenWithThoseBeforeIt) {
  Appended({1, 10});
  now_ = now_ + milliseconds(50);
  applied_[1] = 10;
  Appended({1, 11});
  now_ = now_ + seconds(7);
  EXPECT_EQ(ages_.Of(1), seconds(7));
}

TEST_F(EventAgesTest, BulkIsRefusedFirstThenAllButCriticalWork) {
  Appended({2, 7});
  now_ = now_ + seconds(5);
  EXPECT_EQ(Reason(WorkClass::kBulk, {0, 1, 2}), "");
  now_ = now_ + milliseconds(1);
  EXPECT_EQ(Reason(WorkClass::kBulk, {0, 1, 2}), "PROJECTOR_BEHIND");
  EXPECT_EQ(Reason(WorkClass::kBulk, {0, 1}), "");  // shards that keep up
  EXPECT_EQ(Reason(WorkClass::kInteractive, {2}), "");
  now_ = now_ + seconds(25);
  EXPECT_EQ(Reason(WorkClass::kInteractive, {2}), "PROJECTOR_BEHIND");
  EXPECT_EQ(Reason(WorkClass::kCritical, {2}), "");
  applied_[2] = 7;
  EXPECT_EQ(Reason(WorkClass::kBulk, {2}), "");
  EXPECT_NE(metrics_.Text().find("epigrid_test_refused_for_event_age_total{work=\"bulk\"} 1"),
            std::string::npos);
}

TEST_F(EventAgesTest, TheHintGrowsWithTheAge) {
  Appended({0, 1});
  now_ = now_ + seconds(20);
  const Status status = ages_.Admit(WorkClass::kBulk, {0});
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_EQ(status.metadata().at("retry_after_ms"), "10000");
}

}  // namespace
}  // namespace epigrid
