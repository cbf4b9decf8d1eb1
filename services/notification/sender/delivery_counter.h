// DeliveryCounter: counts the messages that come to their end, as the fold publishes it, in the
// shards that this process works on. For metrics: what comes while a shard changes hands may be
// missed.
//
// Life cycle: construct, Run (ends only with its frame). Threads: the loop of the log that it was
// given.
#pragma once

#include <functional>
#include <set>

#include "common/base/scheduler.h"
#include "common/event_log/event_log.h"
#include "epigrid/notification/v1/notification.pb.h"

namespace epigrid::notification {

class DeliveryCounter {
 public:
  // Everything it is given outlives it.
  DeliveryCounter(Scheduler& scheduler, EventLog& log, uint32_t shard_count,
                  std::function<bool(Shard)> works_on,
                  std::function<void(v1::MessageState)> on_closed);

  Task<void> Run();

 private:
  Task<void> FollowShards();
  void Count(const LogRecord& record);

  Scheduler& scheduler_;
  EventLog& log_;
  const uint32_t shard_count_;
  const std::function<bool(Shard)> works_on_;
  const std::function<void(v1::MessageState)> on_closed_;
  const std::unique_ptr<Consumer> consumer_;
  std::set<Shard> followed_;
};

}  // namespace epigrid::notification
