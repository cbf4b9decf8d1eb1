// FoldGate: how much one service's calls may append before it is folded, by class of work.
//
//   EPIGRID_CO_ASSIGN_OR_RETURN(FoldGate::Place place,
//                               co_await gate.Enter(call.work(), FoldGate::Kind::kObserved, shards));
//   ... append, one event for each of the shards ...
//   gate.AwaitFolded(std::move(place), positions);      // an observation, answered already
//
// Appending is quick, and folding is what takes the processor: without a bound those who import
// would fill the inboxes in a moment, and a case report, which is answered by the fold, would wait
// behind all of it. So events count from their append until they are applied, under an adaptive
// limit (common/rpc/admission.h) that watches how long small appends take to be applied: what is
// critical passes, residents come next, and imports are held back first, for at most a moment, then
// refused. While nobody but imports appends, nobody is hurt, and the limit rises to kEventsMost.
//
// A shard whose view does not move at all for kStandsStillAfter, though it has something to apply,
// is not slow but stands still: it changes its owner, or is stopped. To hold back then would help
// nobody, and hurt who appends to the others: what is appended to it takes no place, and its log
// takes in what comes, until it is behind by so much that its event age refuses (event_age.h).
//
// RESOURCE_EXHAUSTED: FOLD_BUSY, PROJECTOR_BEHIND.
//
//   epigrid_<service>_fold_limit_events          up to which residents' events are appended
//   epigrid_<service>_unfolded_events            that have places, by class of work
//   epigrid_<service>_standing_shards            that stand still, as this instance sees it
//   epigrid_<service>_refused_fold_busy_total    by class of work
//
// Life cycle: Run on the loop until it is destroyed there; Close when it ends, after all that
// `wait_for` was asked for has ended. Threads: Enter from any, what
// it awaits ends on the loop's; the rest the loop's.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/base/task.h"
#include "common/metrics/metrics.h"
#include "common/projector/commands.h"
#include "common/rpc/admission.h"
#include "common/service/event_age.h"

namespace epigrid {

class FoldGate {
 public:
  static constexpr uint32_t kEventsMost = 1 << 16;
  // Of a call whose time says how the fold does; a larger one takes its time by itself.
  static constexpr size_t kSmallEventsMax = 8;
  // A projector that works comes to each of its shards several times a second.
  static constexpr Duration kStandsStillAfter = std::chrono::seconds(2);

  // What is applied, as the service's ShardTable says.
  struct Progress {
    uint32_t shard_count = 0;
    std::function<Offset(Shard)> applied;
    // Ends on the loop's thread; OK: it is applied.
    std::function<Future<Status>(std::vector<ShardPosition>, Time deadline)> wait_for;
  };

  class Place {
   public:
    Place() = default;

   private:
    friend class FoldGate;
    AdmissionPlace taken_;
    SteadyTime since_;
    Time entered_;
    MethodLatency* latency_ = nullptr;  // nullptr: how long it takes says nothing
  };

  FoldGate(const std::string& service, EventLoop& loop, Progress progress, const Clock& clock,
           Metrics& metrics);

  enum class Kind : uint8_t { kObserved, kDecided };
  // `shards` are where the call's events go, one for each.
  Task<Result<Place>> Enter(WorkClass work, Kind kind, std::vector<Shard> shards);
  // They were appended: the place is given back when they are applied.
  void AwaitFolded(Place place, const std::vector<ShardPosition>& appended);
  void AwaitFolded(Place place, const std::vector<Decision>& decisions);

  Task<void> Run();
  // Nobody waits any more.
  void Close() { admission_.Close(); }

 private:
  struct Seen {
    Offset applied = 0;
    SteadyTime moved_at;
    bool stands_still = false;
  };

  internal::SelfOwned KeepUntilFolded(Place place, std::vector<ShardPosition> appended);
  Task<bool> AwaitPlace(WorkClass work, uint32_t events);
  void LookAtShards(SteadyTime now);
  void Show();

  EventLoop& loop_;
  const Progress progress_;
  const Clock& clock_;
  EventAges ages_;
  Admission admission_;
  std::array<MethodLatency*, 2> latencies_;  // by Kind
  std::vector<Seen> seen_;                   // by shard
  prometheus::Gauge& limit_;
  prometheus::Gauge& standing_;
  std::array<prometheus::Gauge*, kWorkClassCount> unfolded_{};
  std::array<prometheus::Counter*, kWorkClassCount> refused_{};
};

}  // namespace epigrid
