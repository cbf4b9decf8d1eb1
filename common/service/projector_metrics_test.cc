#include "common/service/projector_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/projector/projector_host.h"

namespace epigrid {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

ProjectedShard Aged(Shard number, const char* state, Duration age) {
  ProjectedShard shard;
  shard.shard = number;
  shard.state = state;
  shard.event_age = age;
  return shard;
}

TEST(ProjectorMetrics, WhatWaitsIsSeenThoughNothingIsCommitted) {
  Metrics metrics;
  ProjectorMetrics projector("test", metrics);
  ProjectorSnapshot snapshot;
  snapshot.shards = {Aged(0, "LIVE", seconds(40)), Aged(1, "OPENING", seconds(90)),
                     Aged(2, "LIVE", Duration(0))};
  snapshot.shards[2].time_lag = seconds(7);
  projector.OnLook(snapshot);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("epigrid_test_oldest_record_age_seconds 90"));
  EXPECT_THAT(text, HasSubstr("epigrid_test_clock_trusted 1"));
  EXPECT_THAT(text, HasSubstr("epigrid_test_owned_shards{state=\"LIVE\"} 2"));
  EXPECT_THAT(text, HasSubstr("epigrid_test_owned_shards{state=\"OPENING\"} 1"));
  EXPECT_THAT(text, HasSubstr("epigrid_test_owned_shards{state=\"STOPPED\"} 0"));
  EXPECT_THAT(text, HasSubstr("epigrid_test_shard_time_lag_seconds 7"));
  // What is young is left to the next batch.
  EXPECT_THAT(text, HasSubstr("epigrid_test_event_age_seconds_count 2"));
  EXPECT_THAT(text, HasSubstr("epigrid_test_event_age_seconds_sum 130"));

  ProjectorSnapshot wrong_clock;
  wrong_clock.clock_trusted = false;
  projector.OnLook(wrong_clock);
  EXPECT_THAT(metrics.Text(), HasSubstr("epigrid_test_clock_trusted 0"));

  projector.OnLook({});
  EXPECT_THAT(metrics.Text(), HasSubstr("epigrid_test_oldest_record_age_seconds 0"));
  EXPECT_THAT(metrics.Text(), HasSubstr("epigrid_test_owned_shards{state=\"LIVE\"} 0"));
}

TEST(ProjectorMetrics, TakeoversAreTimed) {
  Metrics metrics;
  ProjectorMetrics projector("test", metrics);
  projector.OnTakeover(32, 64, std::chrono::milliseconds(1'500));
  EXPECT_THAT(metrics.Text(), HasSubstr("epigrid_test_takeover_seconds_sum 1.5"));
  EXPECT_THAT(metrics.Text(), HasSubstr("epigrid_test_takeover_seconds_count 1"));
}

TEST(ProjectorMetrics, CountsWhatIsAskedAgain) {
  Metrics metrics;
  ProjectorMetrics projector("test", metrics);
  projector.OnViewWait(Unavailable("VIEW_UNAVAILABLE", "gone"));
  projector.OnLogWait(Unavailable("LOG_UNAVAILABLE", "gone"));
  projector.OnLogWait(Unavailable("LOG_UNAVAILABLE", "gone"));
  EXPECT_THAT(metrics.Text(), HasSubstr("epigrid_test_view_retries_total 1"));
  EXPECT_THAT(metrics.Text(), HasSubstr("epigrid_test_log_retries_total 2"));
}

}  // namespace
}  // namespace epigrid
