#include "common/service/projector_metrics.h"

#include <algorithm>

#include "common/log/log.h"
#include "common/projector/projector_host.h"

namespace epigrid {
namespace {

constexpr std::chrono::seconds kWarnEvery{10};
// Older than what a shard that is folded has in hand between two looks.
constexpr Duration kOldRecord = std::chrono::seconds(1);
// Up to half an hour: what waits behind an outage is older than any call.
const std::vector<double> kAgeBucketsSeconds = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800};

double ToSeconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string Name(const std::string& service, const char* what) {
  return "epigrid_" + service + "_" + what;
}

}  // namespace

ProjectorMetrics::ProjectorMetrics(std::string service, Metrics& metrics)
    : service_(std::move(service)),
      metrics_(metrics),
      records_(metrics.Counter(Name(service_, "folded_records_total"),
                               "Inbox records folded and committed")),
      events_(metrics.Counter(Name(service_, "folded_events_total"),
                              "Inbox events folded and committed")),
      writes_(metrics.Counter(Name(service_, "written_cells_total"),
                              "Cells written to the view by guarded batches")),
      view_retries_(metrics.Counter(Name(service_, "view_retries_total"),
                                    "Calls to the view that failed and are made again")),
      log_retries_(metrics.Counter(Name(service_, "log_retries_total"),
                                   "Polls of the log that failed and are made again")),
      age_(metrics.Histogram(
          Name(service_, "event_age_seconds"),
          "How long the oldest record of a batch had waited when it was committed, and, once a "
          "second, how long the oldest of a shard waits that has waited for over a second",
          kAgeBucketsSeconds)),
      takeover_(metrics.Histogram(
          Name(service_, "takeover_seconds"),
          "From the first shard that this process was given until all it was given are live",
          kAgeBucketsSeconds)),
      oldest_age_(metrics.Gauge(
          Name(service_, "oldest_record_age_seconds"),
          "How long the oldest record that is not applied has waited, or since when an owned shard "
          "cannot be folded")),
      time_lag_(metrics.Gauge(Name(service_, "shard_time_lag_seconds"),
                              "How far the time of the owned live shard that is furthest behind "
                              "lags behind the clock")),
      audit_age_(
          metrics.Gauge(Name(service_, "audit_age_seconds"),
                        "Since the last audit that ended well, of the owned shard whose last "
                        "one is the oldest")),
      clock_trusted_(metrics.Gauge(
          Name(service_, "clock_trusted"),
          "1, or 0 while this process does not trust its clock, so that timers fire late")) {
  clock_trusted_.Set(1);
  for (const char* state : {"OPENING", "CATCHING_UP", "LIVE", "STOPPED"}) {
    owned_shards_[state] =
        &metrics.Gauge(Name(service_, "owned_shards"), "Shards that this process folds, by state",
                       {{"state", state}});
  }
}

void ProjectorMetrics::OnBatch(Shard, size_t records, size_t events, size_t writes, Duration age) {
  records_.Increment(static_cast<double>(records));
  events_.Increment(static_cast<double>(events));
  writes_.Increment(static_cast<double>(writes));
  age_.Observe(ToSeconds(age));
}

void ProjectorMetrics::OnTakeover(size_t taken, size_t owned, Duration took) {
  takeover_.Observe(ToSeconds(took));
  EPIGRID_LOG_INFO("projector.taken_over", {"projector", Safe(service_)}, {"taken", taken},
                   {"owned", owned}, {"took_ms", took});
}

void ProjectorMetrics::OnLook(const ProjectorSnapshot& snapshot) {
  Duration oldest{}, lag{}, audit_age{};
  std::map<std::string_view, int> shards;
  for (const ProjectedShard& shard : snapshot.shards) {
    oldest = std::max(oldest, shard.event_age);
    lag = std::max(lag, shard.time_lag);
    audit_age = std::max(audit_age, shard.audit_age);
    if (shard.event_age >= kOldRecord) age_.Observe(ToSeconds(shard.event_age));
    ++shards[shard.state];
  }
  oldest_age_.Set(ToSeconds(oldest));
  time_lag_.Set(ToSeconds(lag));
  audit_age_.Set(ToSeconds(audit_age));
  clock_trusted_.Set(snapshot.clock_trusted ? 1 : 0);
  for (const auto& [state, gauge] : owned_shards_) gauge->Set(shards[state]);
}

void ProjectorMetrics::OnIgnored(Shard, std::string_view reason) {
  Of(ignored_, "ignored_events_total", "Events that changed nothing, by reason", "reason", reason)
      .Increment();
}

void ProjectorMetrics::OnRestart(Shard shard, const Status& why) {
  Of(restarts_, "shard_restarts_total", "Times a shard began again from its view, by reason",
     "reason", why.reason())
      .Increment();
  EPIGRID_LOG_WARN("projector.restarted", {"projector", Safe(service_)}, {"shard", shard}, {why});
}

void ProjectorMetrics::OnAlert(ProjectorAlert alert, Shard shard, std::string_view detail) {
  Of(alerts_, "projector_alerts_total", "What somebody must look at, by alert", "alert",
     AlertName(alert))
      .Increment();
  EPIGRID_LOG_ERROR("projector.alert", {"projector", Safe(service_)}, {"shard", shard},
                    {"alert", Safe(AlertName(alert))}, {"detail", Redacted(detail)});
}

void ProjectorMetrics::OnAudit(Shard shard, const Status& status) {
  Of(audits_, "audits_total", "Audits of shards, by result", "result",
     status.ok() ? "OK" : status.reason())
      .Increment();
  if (status.ok()) return;
  EPIGRID_LOG_WARN("projector.audit_failed", {"projector", Safe(service_)}, {"shard", shard},
                   {status});
}

void ProjectorMetrics::OnViewWait(const Status& why) {
  view_retries_.Increment();
  Warn(view_waits_, why);
}

void ProjectorMetrics::OnLogWait(const Status& why) {
  log_retries_.Increment();
  Warn(log_waits_, why);
}

// All shards wait for the same Redis, and ask every few seconds.
void ProjectorMetrics::Warn(Warning& warning, const Status& why) {
  const auto now = std::chrono::steady_clock::now();
  if (now - warning.logged_at < kWarnEvery) return;
  warning.logged_at = now;
  EPIGRID_LOG_WARN(warning.event, {"projector", Safe(service_)}, {why});
}

prometheus::Counter& ProjectorMetrics::Of(
    std::map<std::string, prometheus::Counter*, std::less<>>& counters, const char* name,
    const char* help, const char* label, std::string_view value) {
  const auto found = counters.find(value);
  if (found != counters.end()) return *found->second;
  prometheus::Counter& counter =
      metrics_.Counter(Name(service_, name), help, {{label, std::string(value)}});
  counters.emplace(value, &counter);
  return counter;
}

}  // namespace epigrid
