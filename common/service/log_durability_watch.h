// LogDurabilityWatch: says at the start whether the log keeps what it acknowledges, and says so
// again when that has changed.
//
//   log.durability, info                            it does
//   log.durability_lacking, warning                 it does not: what is lost, what to mend
//   epigrid_<service>_log_keeps_acknowledged        1 or 0, a gauge
//
//   LogDurabilityWatch watch(scheduler, log, "identity", metrics);
//   Task<void> work = watch.Run();
//   work.Start();                             // destroy it on the scheduler's thread to stop
//
// A log that does not answer leaves what was said last: its absence has signs of its own. Threads:
// the scheduler's, which is also the log's.
#pragma once

#include <optional>
#include <string>

#include "common/base/scheduler.h"
#include "common/base/task.h"
#include "common/event_log/event_log.h"
#include "common/metrics/metrics.h"

namespace epigrid {

class LogDurabilityWatch {
 public:
  // All outlive it.
  LogDurabilityWatch(Scheduler& scheduler, EventLog& log, std::string service, Metrics& metrics,
                     Duration interval = std::chrono::minutes(1));

  // Asks, again and again, with the interval between.
  Task<void> Run();

 private:
  void Say(const LogDurability& durability);

  Scheduler& scheduler_;
  EventLog& log_;
  const std::string service_;
  const Duration interval_;
  prometheus::Gauge& keeps_acknowledged_;
  std::optional<std::string> said_;  // what was in force
};

}  // namespace epigrid
