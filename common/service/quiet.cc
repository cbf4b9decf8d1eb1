#include "common/service/quiet.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "common/service/shard_states.h"

namespace epigrid {
namespace {

// Between two looks, and at least as long as a look takes: looking costs what is looked at.
constexpr Duration kPauseMin = std::chrono::milliseconds(20);

// One look at everything.
struct Look {
  std::string waiting_for;
  std::map<std::pair<std::string, Shard>, Offset> quiet;
  uint32_t backed_off = 0;
  Time next_attempt;
};

Task<Status> LookAtShards(ServiceRuntime& runtime, Look& look) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ShardState> states,
                              co_await ReadShardStates(runtime));
  for (Shard shard = 0; shard < states.size(); ++shard) {
    const ShardState& state = states[shard];
    look.quiet[{runtime.service(), shard}] = state.meta.quiet;
    if (!state.log_problem.ok()) {
      look.waiting_for = fmt::format("{} shard {} cannot be read: {}", runtime.service(), shard,
                                     state.log_problem.message());
    } else if (!state.live.has_value()) {
      look.waiting_for = fmt::format("{} shard {} has no live view", runtime.service(), shard);
    } else if (state.meta.applied < state.log_end) {
      look.waiting_for = fmt::format("{} shard {} has applied {} of {}", runtime.service(), shard,
                                     state.meta.applied, state.log_end);
    }
  }
  co_return OkStatus();
}

Task<Status> LookAtSubscriptions(ServiceRuntime& runtime, Look& look) {
  for (const std::string& topic : runtime.fold().subscriptions()) {
    const std::vector<TopicShard> shards = AllShards({topic}, runtime.shard_count());
    EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Offset> ends,
                                co_await runtime.log().Ends(shards));
    EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Offset> floors,
                                co_await runtime.log().Floors(runtime.service(), shards));
    for (size_t i = 0; i < shards.size(); ++i) {
      if (floors[i] >= ends[i]) continue;
      look.waiting_for = fmt::format("{} has copied {} of {} of {} shard {}", runtime.service(),
                                     floors[i], ends[i], topic, shards[i].shard);
    }
  }
  co_return OkStatus();
}

Task<Status> LookAtPendingWork(ServiceRuntime& runtime, Time until, Look& look) {
  if (!runtime.pending_work()) co_return OkStatus();
  EPIGRID_CO_ASSIGN_OR_RETURN(const PendingWork pending, co_await runtime.pending_work()(until));
  look.backed_off += pending.backed_off;
  if (pending.next_attempt.is_set() &&
      (!look.next_attempt.is_set() || pending.next_attempt < look.next_attempt)) {
    look.next_attempt = pending.next_attempt;
  }
  if (pending.under_way > 0) {
    look.waiting_for =
        fmt::format("{} has {} items due or under way", runtime.service(), pending.under_way);
  }
  co_return OkStatus();
}

Task<Status> LookAtService(ServiceRuntime& runtime, Time until, Look& look) {
  EPIGRID_CO_RETURN_IF_ERROR(co_await LookAtSubscriptions(runtime, look));
  EPIGRID_CO_RETURN_IF_ERROR(co_await LookAtShards(runtime, look));
  co_return co_await LookAtPendingWork(runtime, until, look);
}

// What cannot be looked at now, because a view is being rebuilt or a server restarts, is not quiet.
Task<Result<Look>> LookAtAll(const std::vector<ServiceRuntime*>& runtimes, Time until) {
  Look look;
  for (ServiceRuntime* runtime : runtimes) {
    const Status status = co_await LookAtService(*runtime, until, look);
    // It is not quiet, whatever the others do.
    if (status.ok() && !look.waiting_for.empty()) break;
    if (status.ok()) continue;
    if (status.code() != Code::kUnavailable) co_return status;
    look.waiting_for = runtime->service() + ": " + status.message();
  }
  co_return look;
}

}  // namespace

Task<Result<QuietReport>> AwaitQuiet(std::vector<ServiceRuntime*> runtimes, Time until,
                                     const Clock& clock, Time deadline) {
  EPIGRID_CHECK(!runtimes.empty(), "a process has services");
  std::optional<Look> before;
  for (;;) {
    const Time begun = clock.Now();
    EPIGRID_CO_ASSIGN_OR_RETURN(Look look, co_await LookAtAll(runtimes, until));
    const Time looked = clock.Now();
    const Duration pause = std::max(kPauseMin, looked - begun);
    const bool still = look.waiting_for.empty();
    if (still && before.has_value() && before->quiet == look.quiet) {
      co_return QuietReport{
          .waiting_for = "", .backed_off = look.backed_off, .next_attempt = look.next_attempt};
    }
    // Another look would take as long, and end too late to be told.
    if (looked + pause + (looked - begun) >= deadline) {
      if (still) look.waiting_for = "records are still being folded";
      co_return QuietReport{.waiting_for = std::move(look.waiting_for),
                            .backed_off = look.backed_off,
                            .next_attempt = look.next_attempt};
    }
    before.reset();
    if (still) before = std::move(look);
    co_await runtimes.front()->loop().Sleep(pause);
  }
}

}  // namespace epigrid
