// ProjectorMetrics: what one service's projector does, for Prometheus and the log.
//
//   epigrid_<service>_folded_records_total, _folded_events_total, _written_cells_total
//   epigrid_<service>_event_age_seconds       how long the oldest record of a batch had waited, when it was committed;
//                                             and, once a second while that is over a second, how long the oldest
//                                             record of each shard has waited: it grows while nothing is committed
//   epigrid_<service>_oldest_record_age_seconds   how long the oldest record that is not applied has waited, or since
//                                             when a shard cannot be folded: the greatest of the owned shards
//   epigrid_<service>_clock_trusted           1, or 0 while this process does not trust its clock, which has jumped or
//                                             differs from the log's: timers fire late (alert CLOCK_WRONG)
//   epigrid_<service>_shard_time_lag_seconds  how far shard time lags behind the clock, the most of the live shards:
//                                             over some ten seconds a shard stands still, though no record may wait
//   epigrid_<service>_owned_shards            by state: OPENING, CATCHING_UP, LIVE, STOPPED
//   epigrid_<service>_takeover_seconds        from the first shard that this process was given until all are live: what
//                                             a handover takes beside noticing that the old owner is gone
//   epigrid_<service>_ignored_events_total    by reason: what changed nothing
//   epigrid_<service>_shard_restarts_total    by reason: a shard began again from its view
//   epigrid_<service>_audits_total            by result: OK, AUDIT_DIFFERS, or why it was not made
//   epigrid_<service>_audit_age_seconds       since the last audit that ended well, of the owned shard that has waited
//                                             longest: it grows while none succeeds, and with it the log
//   epigrid_<service>_view_retries_total      calls that the views' Redis did not answer or refused: made again
//   epigrid_<service>_log_retries_total       polls that the log did not answer: made again
//   epigrid_<service>_projector_alerts_total  by alert: each has a page under docs/playbooks
//
// Reasons and alerts are stable names made by this project, so their number is bounded. Threads:
// the projector's loop.
#pragma once

#include <map>
#include <string>

#include "common/metrics/metrics.h"
#include "common/projector/observer.h"

namespace epigrid {

class ProjectorMetrics final : public ProjectorObserver {
 public:
  ProjectorMetrics(std::string service, Metrics& metrics);

  void OnBatch(Shard shard, size_t records, size_t events, size_t writes, Duration age) override;
  void OnIgnored(Shard shard, std::string_view reason) override;
  void OnRestart(Shard shard, const Status& why) override;
  void OnAlert(ProjectorAlert alert, Shard shard, std::string_view detail) override;
  void OnAudit(Shard shard, const Status& status) override;
  void OnTakeover(size_t taken, size_t owned, Duration took) override;
  void OnLook(const ProjectorSnapshot& snapshot) override;
  void OnViewWait(const Status& why) override;
  void OnLogWait(const Status& why) override;

 private:
  // A warning about something that goes on, at most one in ten seconds.
  struct Warning {
    const char* event;
    std::chrono::steady_clock::time_point logged_at;
  };
  void Warn(Warning& warning, const Status& why);
  // A counter for each value of one label, made when it is first seen.
  prometheus::Counter& Of(std::map<std::string, prometheus::Counter*, std::less<>>& counters,
                          const char* name, const char* help, const char* label,
                          std::string_view value);

  const std::string service_;
  Metrics& metrics_;
  prometheus::Counter& records_;
  prometheus::Counter& events_;
  prometheus::Counter& writes_;
  prometheus::Counter& view_retries_;
  prometheus::Counter& log_retries_;
  prometheus::Histogram& age_;
  prometheus::Histogram& takeover_;
  prometheus::Gauge& oldest_age_;
  prometheus::Gauge& time_lag_;
  prometheus::Gauge& audit_age_;
  prometheus::Gauge& clock_trusted_;
  std::map<std::string, prometheus::Gauge*, std::less<>> owned_shards_;  // by state
  Warning view_waits_{"projector.view_waits", {}};
  Warning log_waits_{"projector.log_waits", {}};
  std::map<std::string, prometheus::Counter*, std::less<>> ignored_;
  std::map<std::string, prometheus::Counter*, std::less<>> restarts_;
  std::map<std::string, prometheus::Counter*, std::less<>> alerts_;
  std::map<std::string, prometheus::Counter*, std::less<>> audits_;
};

}  // namespace epigrid
