#include "common/service/projector_metrics.h"

#include "common/log/log.h"

namespace epigrid {
namespace {

constexpr std::chrono::seconds kLogViewWaitEvery{10};

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
      age_(metrics.Histogram(
          Name(service_, "event_age_seconds"),
          "How long the oldest record of a batch had waited when it was committed",
          kLatencyBucketsSeconds)) {}

void ProjectorMetrics::OnBatch(Shard, size_t records, size_t events, size_t writes, Duration age) {
  records_.Increment(static_cast<double>(records));
  events_.Increment(static_cast<double>(events));
  writes_.Increment(static_cast<double>(writes));
  age_.Observe(std::chrono::duration<double>(age).count());
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

void ProjectorMetrics::OnViewWait(const Status& why) {
  view_retries_.Increment();
  // All shards wait for the same Redis, and ask about once a second.
  const auto now = std::chrono::steady_clock::now();
  if (now - view_wait_logged_at_ < kLogViewWaitEvery) return;
  view_wait_logged_at_ = now;
  EPIGRID_LOG_WARN("projector.view_waits", {"projector", Safe(service_)}, {why});
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
