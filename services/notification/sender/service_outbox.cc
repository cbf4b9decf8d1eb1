#include "services/notification/sender/service_outbox.h"

#include <algorithm>

#include "services/notification/view/keys.h"

namespace epigrid::notification {
namespace {

// Of one shard's timers, as many are looked at.
constexpr size_t kTimersMax = 10'000;

Task<Result<PendingWork>> PendingOfShard(ServiceRuntime& runtime, Shard shard, Time until) {
  const CellQuery& cells = runtime.cells();
  PendingWork pending;
  for (const std::string& index : {keys::kDueIndex, keys::kStartedIndex}) {
    EPIGRID_CO_ASSIGN_OR_RETURN(const uint64_t count, co_await cells.CountShardIndex(shard, index));
    pending.under_way += count;
  }
  if (pending.under_way > 0) co_return pending;
  // A shard with nothing offered and nothing being sent has no timers but those of back-offs.
  const Time ever = runtime.loop().Now() + std::chrono::hours(24 * 365);
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Timer> back_offs,
                              co_await cells.DueTimers(shard, ever, kTimersMax));
  for (const Timer& timer : back_offs) {
    if (!timer.id.starts_with(keys::kTimerPrefix)) continue;
    if (timer.due <= until) {
      ++pending.under_way;
      continue;
    }
    ++pending.backed_off;
    if (!pending.next_attempt.is_set()) pending.next_attempt = timer.due;  // they are in order
  }
  co_return pending;
}

}  // namespace

Task<Result<std::vector<std::string>>> ServiceOutbox::Offered(Shard shard, std::string after,
                                                              size_t limit) {
  co_return co_await runtime_.cells().PageShardIndex(shard, keys::kDueIndex, std::move(after),
                                                     limit);
}

Task<Result<uint64_t>> ServiceOutbox::CountOffered(Shard shard) {
  co_return co_await runtime_.cells().CountShardIndex(shard, keys::kDueIndex);
}

Task<Result<std::vector<std::optional<state::v1::StoredMessage>>>> ServiceOutbox::Read(
    std::vector<MessageRef> messages) {
  std::vector<Future<Result<std::optional<std::string>>>> reads;  // pipelined
  for (const MessageRef& message : messages) {
    reads.push_back(Run(runtime_.cells().GetMember(
        message.person_id, keys::Messages(message.person_id), message.message_id)));
  }
  Status problem;
  std::vector<std::optional<state::v1::StoredMessage>> found(messages.size());
  for (size_t i = 0; i < reads.size(); ++i) {
    const Result<std::optional<std::string>> bytes = co_await reads[i];
    if (!bytes.ok()) problem = bytes.status();
    if (!bytes.ok() || !bytes->has_value()) continue;
    state::v1::StoredMessage stored;
    EPIGRID_CHECK(stored.ParseFromString(**bytes), "the cell was written by this service");
    found[i] = std::move(stored);
  }
  if (!problem.ok()) co_return problem;
  co_return found;
}

Task<Result<std::vector<ShardPosition>>> ServiceOutbox::Append(std::vector<PersonEvent> events) {
  std::vector<Command> commands;
  commands.reserve(events.size());
  for (PersonEvent& event : events) {
    commands.push_back({std::move(event.person_id), std::move(event.event)});
  }
  co_return co_await runtime_.commands().Append({.recorded_at = runtime_.loop().Now(),
                                                 .actor = "system:notification",
                                                 .purpose = "epidemic_control",
                                                 .traceparent = ""},
                                                std::move(commands));
}

bool ServiceOutbox::IsParked(const std::string& person_id) const {
  return runtime_.shards().IsParked(person_id);
}

Task<Status> ServiceOutbox::AwaitApplied(std::vector<ShardPosition> positions, Time deadline) {
  co_return co_await runtime_.shards().WaitFor(std::move(positions), deadline);
}

Task<Result<PendingWork>> PendingMessages(ServiceRuntime& runtime, Time until) {
  std::vector<Future<Result<PendingWork>>> of_shards;  // pipelined
  for (Shard shard = 0; shard < runtime.shard_count(); ++shard) {
    of_shards.push_back(Run(PendingOfShard(runtime, shard, until)));
  }
  Status problem;
  PendingWork all;
  for (auto& of_shard : of_shards) {
    const Result<PendingWork> pending = co_await of_shard;
    if (!pending.ok()) {
      problem = pending.status();
      continue;
    }
    all.under_way += pending->under_way;
    all.backed_off += pending->backed_off;
    if (pending->next_attempt.is_set() &&
        (!all.next_attempt.is_set() || pending->next_attempt < all.next_attempt)) {
      all.next_attempt = pending->next_attempt;
    }
  }
  if (!problem.ok()) co_return problem;
  co_return all;
}

}  // namespace epigrid::notification
