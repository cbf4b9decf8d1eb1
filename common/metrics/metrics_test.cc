#include "common/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace epigrid {
namespace {

using testing::HasSubstr;

TEST(MetricsTest, WhatWasMeasuredIsInTheText) {
  Metrics metrics;
  metrics.Counter("epigrid_tracing_parked_records_total", "Records set aside", {{"shard", "3"}})
      .Increment(2);
  metrics.Gauge("epigrid_tracing_event_age_seconds", "Age of the oldest event").Set(1.5);
  metrics.Histogram("epigrid_tracing_fold_seconds", "Time of a fold", {0.1, 1}).Observe(0.5);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("# TYPE epigrid_tracing_parked_records_total counter"));
  EXPECT_THAT(text, HasSubstr("epigrid_tracing_parked_records_total{shard=\"3\"} 2"));
  EXPECT_THAT(text, HasSubstr("epigrid_tracing_event_age_seconds 1.5"));
  EXPECT_THAT(text, HasSubstr("epigrid_tracing_fold_seconds_bucket{le=\"1\"} 1"));
}

TEST(MetricsTest, TheSameNameAndLabelsAreTheSameMetric) {
  Metrics metrics;
  auto& one = metrics.Counter("epigrid_a_b_total", "help", {{"x", "1"}});
  auto& same = metrics.Counter("epigrid_a_b_total", "help", {{"x", "1"}});
  auto& other = metrics.Counter("epigrid_a_b_total", "help", {{"x", "2"}});
  EXPECT_EQ(&one, &same);
  EXPECT_NE(&one, &other);
}

TEST(MetricsDeathTest, NamesThatBreakTheRulesAreBugs) {
  Metrics metrics;
  EXPECT_DEATH(metrics.Counter("epigrid_a_b", "help"), "end in _total");
  EXPECT_DEATH(metrics.Gauge("epigrid_a_b_total", "help"), "end in _total");
  EXPECT_DEATH(metrics.Gauge("queue_size", "help"), "is named epigrid_");
}

}  // namespace
}  // namespace epigrid
