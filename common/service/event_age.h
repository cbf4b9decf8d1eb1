// EventAges: how far the folding of each shard is behind, as an instance can tell that only serves
// calls; and what is refused for it.
//
//   EPIGRID_CO_RETURN_IF_ERROR(ages.Admit(call.work(), shards));
//   ... append ...
//   ages.Appended(positions, when);
//
// The age of a shard is how long ago this instance appended the oldest record that the view has not
// applied. That asks nothing of the log: what was appended is known here, and how far the view is
// comes with the shard table (at once, by what the folds publish). A shard's order is total, so
// that what others have appended before it is in it too. An instance that appends nothing to a
// shard knows of no age, and refuses nothing: it learns it by the first record that it lets in.
// Neither clocks of other machines nor shard time, which may lag ten seconds while nothing happens,
// play a part.
//
// Above 5 s bulk work is refused, above 30 s all but critical work: RESOURCE_EXHAUSTED
// PROJECTOR_BEHIND with a RetryInfo. Reads append nothing and are never refused for it.
//
//   epigrid_<service>_admission_event_age_seconds    the greatest age that admission sees
//   epigrid_<service>_refused_for_event_age_total    by class of work
//
// Threads: all of it from any.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/event_log/event_log.h"
#include "common/metrics/metrics.h"
#include "common/rpc/work_class.h"

namespace epigrid {

class EventAges {
 public:
  static constexpr Duration kBulkMax = std::chrono::seconds(5);
  static constexpr Duration kInteractiveMax = std::chrono::seconds(30);

  // `applied` says how far a shard's view is; from any thread.
  EventAges(const std::string& service, uint32_t shard_count, std::function<Offset(Shard)> applied,
            const Clock& clock, Metrics& metrics);

  // `shards` are where the call would append.
  Status Admit(WorkClass work, const std::vector<Shard>& shards);
  // At that time, or soon after. It may be told late, and so not in the order of the offsets.
  void Appended(const std::vector<ShardPosition>& positions, Time at);

  Duration Of(Shard shard);
  // Now and then: shows the greatest age.
  void Show();

 private:
  struct Append {
    Offset offset;
    Time at;
  };
  // Of the shard whose appends these are, with mutex_ held.
  Duration AgeOf(Shard shard, Time now);

  const std::function<Offset(Shard)> applied_;
  const Clock& clock_;
  prometheus::Gauge& greatest_;
  std::array<prometheus::Counter*, kWorkClassCount> refused_{};
  std::mutex mutex_;
  Time shown_at_;
  std::vector<std::deque<Append>> appends_;  // by shard, by offset; not applied as far as is known
};

}  // namespace epigrid
