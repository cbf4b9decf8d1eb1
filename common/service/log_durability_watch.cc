#include "common/service/log_durability_watch.h"

#include "common/log/log.h"

namespace epigrid {

LogDurabilityWatch::LogDurabilityWatch(Scheduler& scheduler, EventLog& log, std::string service,
                                       Metrics& metrics, Duration interval)
    : scheduler_(scheduler),
      log_(log),
      service_(std::move(service)),
      interval_(interval),
      keeps_acknowledged_(metrics.Gauge(
          "epigrid_" + service_ + "_log_keeps_acknowledged",
          "1 if acknowledged records survive a power cut as the log is configured, else 0")) {}

Task<void> LogDurabilityWatch::Run() {
  while (true) {
    const Result<LogDurability> durability = co_await log_.Durability();
    if (durability.ok()) Say(*durability);
    co_await scheduler_.Sleep(interval_);
  }
}

void LogDurabilityWatch::Say(const LogDurability& durability) {
  keeps_acknowledged_.Set(durability.keeps_acknowledged() ? 1 : 0);
  if (said_ == durability.in_force) return;
  said_ = durability.in_force;
  if (durability.keeps_acknowledged()) {
    EPIGRID_LOG_INFO("log.durability", {"of", Safe(service_)},
                     {"in_force", Safe(durability.in_force)});
  } else {
    EPIGRID_LOG_WARN("log.durability_lacking", {"of", Safe(service_)},
                     {"in_force", Safe(durability.in_force)}, {"detail", Safe(durability.warning)});
  }
}

}  // namespace epigrid
