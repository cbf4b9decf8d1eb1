// How ShardProjector folds one batch: gather, load, apply, emit, commit.
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "common/base/proto_time.h"
#include "common/projector/shard_projector.h"

namespace epigrid {
namespace {

// A record as large as the log takes still goes; a gather of many does not grow beyond about this.
constexpr size_t kGatherBytesMax = 4 << 20;

}  // namespace

Task<Status> ShardProjector::FoldBatch() {
  folder_.cells.Begin(committed_.digest);
  Gather();
  oldest_in_hand_ = gathered_.front().record.appended_at;
  if (gathered_.front().is_tick()) {
    EPIGRID_CO_RETURN_IF_ERROR(co_await ExpandTick(gathered_.front()));
  } else if (gathered_.front().is_unparked()) {
    EPIGRID_CO_RETURN_IF_ERROR(co_await ExpandUnparked(gathered_.front()));
  }
  const bool attempted = !building() && (!attempt_begun_ || careful_records_ > 0);
  if (attempted) EPIGRID_CO_RETURN_IF_ERROR(co_await AwaitTurn());
  if (work_budget_ != nullptr) {
    size_t steps = 0;
    for (const GatheredRecord& gathered : gathered_) steps += gathered.steps.size() + 1;
    share_ = co_await work_budget_->Take(steps);
  }
  if (attempted) EPIGRID_CO_RETURN_IF_ERROR(co_await BeginAttempt());
  fresh_.clear();
  for (GatheredRecord& gathered : gathered_) {
    // A Tick or Unparked that is not the first has no steps before its own batch.
    if (gathered.prepared || (gathered.begins_batch() && &gathered != &gathered_.front())) continue;
    gathered.prepared = true;
    fresh_.push_back(&gathered);
  }
  EPIGRID_CO_RETURN_IF_ERROR(co_await Prepare());
  EPIGRID_CO_RETURN_IF_ERROR(co_await Prefetch());

  size_t records = 0, events = 0;
  do {
    GatheredRecord& gathered = gathered_.front();
    // Asked again: an earlier record of this batch may have been the same.
    if (!gathered.park_reason.empty() && !folder_.IsRepeated(gathered)) {
      EPIGRID_CO_RETURN_IF_ERROR(co_await KeepParkReason(gathered));
    }
    EPIGRID_CO_RETURN_IF_ERROR(co_await ApplyRecord(gathered));
    folder_.meta.applied = gathered.record.offset;
    ++records;
    events += gathered.steps.size();
    gathered_.pop_front();
  } while (!gathered_.empty() && !gathered_.front().begins_batch() &&
           folder_.cells.pending_writes() < options_.writes_per_batch);

  // Whatever ends the process from here on, no record of this batch did.
  attempt_found_ = {};
  EPIGRID_CO_RETURN_IF_ERROR(co_await TakeAttemptBack());
  ticket_.reset();
  EPIGRID_CO_RETURN_IF_ERROR(co_await Emit());
  co_return co_await Commit(records, events);
}

void ShardProjector::Gather() {
  const size_t events_max = careful_records_ > 0 ? 1 : options_.events_per_gather;
  size_t events = 0, bytes = 0;
  for (const GatheredRecord& gathered : gathered_) {
    events += gathered.steps.size() + 1;
    bytes += gathered.record.value.size();
  }
  while (!queue_.empty() && events < events_max && bytes < kGatherBytesMax &&
         (gathered_.size() <= 1 || !gathered_.back().begins_batch())) {
    GatheredRecord opened = folder_.Open(queue_.Pop());
    auto parked = parked_in_log_.find(opened.record.offset);
    if (parked != parked_in_log_.end()) opened.Park(parked->second);
    events += opened.steps.size() + 1;
    bytes += opened.record.value.size();
    gathered_.push_back(std::move(opened));
  }
}

Task<Status> ShardProjector::ExpandTick(GatheredRecord& gathered) {
  const Time tick = FromProto(gathered.envelope.events(0).tick().time());
  Time until = folder_.meta.shard_time;
  if (TickIsCredible(tick, gathered.record.appended_at)) until = std::max(until, tick);
  if (gathered.record.offset == ticking_.appended_offset()) {
    ticking_.OwnTickRead(own_tick_, gathered.record.appended_at);
    if (!ticking_.trusted() && observer_ != nullptr) {
      observer_->OnAlert(ProjectorAlert::kClockWrong, options_.shard,
                         "a tick differs from the log's clock");
    }
  }
  if (!next_due_.has_value() || *next_due_ > until) co_return OkStatus();
  std::vector<CellRead> reads = {{CellRead::Kind::kTimers, {}, {}, until}};
  auto read = co_await view_.Read(options_.shard, generation_, std::move(reads));
  if (!read.ok()) co_return read.status();
  if (read->applied != committed_.applied) co_return ViewMoved();
  folder_.AddTimers(gathered, std::move(read->found.front().timers));
  co_return OkStatus();
}

Task<Status> ShardProjector::ExpandUnparked(GatheredRecord& gathered) {
  const Offset root = gathered.envelope.events(0).unparked().offset();
  if (gathered.repeated || folder_.parked.Find(root) == nullptr) co_return OkStatus();
  needs_.Clear();
  folder_.UnparkedNeeds(root, needs_);
  std::vector<CellRead> missing = folder_.cells.Missing(needs_.reads());
  if (!missing.empty()) EPIGRID_CO_RETURN_IF_ERROR(co_await Load(std::move(missing)));
  std::vector<Waiting> waiting;
  for (const auto& [field, value] : folder_.cells.GetMembers(WaitingCell(root))) {
    std::optional<Waiting> parsed = Waiting::FromField(field);
    EPIGRID_CHECK(parsed.has_value(), "a field of parked events does not parse");
    waiting.push_back(*parsed);
  }
  for (const Waiting& each : waiting) {
    if (!RecordFolder::HasRoomFor(each, gathered)) {
      gathered.more_waiting = true;
      break;
    }
    auto read = co_await log_.Read(inbox(), each.offset - 1, 1);
    if (!read.ok()) co_return read.status();
    const bool there = !read->empty() && read->front().offset == each.offset;
    if (!folder_.AddWaiting(gathered, each, there ? &read->front() : nullptr)) break;
  }
  co_return OkStatus();
}

Task<Status> ShardProjector::KeepParkReason(const GatheredRecord& gathered) {
  auto [at, created] = parked_in_log_.try_emplace(gathered.record.offset, gathered.park_reason);
  if (!created) co_return OkStatus();
  auto put = co_await log_.PutShardMetadata(
      inbox(), fmt::format("{}{}", kParkedPrefix, gathered.record.offset), gathered.park_reason);
  co_return put.status();
}

Task<Status> ShardProjector::AwaitTurn() {
  const uint32_t found = attempt_found_.count;
  if (found >= options_.unclean_ends_max && found < kill_count()) {
    if (found > options_.unclean_ends_max) {
      // Who dies while it waits was killed by something else, and maybe was before.
      auto set = co_await view_.SetAttempt(options_.shard, generation_, committed_.applied,
                                           options_.unclean_ends_max);
      if (!set.ok()) co_return set.status();
    }
    const int64_t now = scheduler_.Now().micros;
    const auto wait_max = static_cast<uint64_t>(options_.lone_wait_max.count());
    co_await scheduler_.Sleep(Duration(XXH3_64bits(&now, sizeof(now)) % wait_max));
    // Another owner may have folded it meanwhile, or parked it.
    EPIGRID_CO_RETURN_IF_ERROR(co_await Load({}));
  }
  if (attempt_gate_ != nullptr && (found > 0 || careful_records_ > 0)) {
    ticket_ = co_await attempt_gate_->Take();
  }
  co_return OkStatus();
}

Task<Status> ShardProjector::BeginAttempt() {
  GatheredRecord& first = gathered_.front();
  if (attempt_found_.count >= kill_count() && first.park_reason.empty()) {
    first.Park(kParkedCrashed);
  }
  uint32_t count = attempt_found_.count;
  if (careful_records_ > 0) {
    count = std::max(count, options_.unclean_ends_max);
    --careful_records_;
  }
  attempt_begun_ = true;
  attempt_ = {committed_.applied, count + 1};
  auto set =
      co_await view_.SetAttempt(options_.shard, generation_, attempt_.offset, attempt_.count);
  co_return set.status();
}

Task<Status> ShardProjector::TakeAttemptBack() {
  if (attempt_ == Attempt()) co_return OkStatus();
  auto set = co_await view_.SetAttempt(options_.shard, generation_, attempt_found_.offset,
                                       attempt_found_.count);
  if (set.ok()) attempt_ = {};
  co_return set.status();
}

Task<Status> ShardProjector::Prepare() {
  std::vector<Event*> events;
  for (GatheredRecord* gathered : fresh_) {
    for (FoldStep& step : gathered->steps) {
      if (step.event != nullptr) events.push_back(step.event);
    }
  }
  if (events.empty()) co_return OkStatus();
  co_return co_await fold_.Prepare(std::move(events));
}

// Round after round: a step that has all it names is not asked again before it is applied.
Task<Status> ShardProjector::Prefetch() {
  std::vector<const FoldStep*> open;
  for (const GatheredRecord* gathered : fresh_) {
    for (const FoldStep& step : gathered->steps) open.push_back(&step);
  }
  std::vector<CellRead> missing;
  needs_.Clear();
  folder_.CommonNeeds(needs_);
  folder_.cells.AddMissing(needs_.reads(), missing);
  while (true) {
    if (TurnIsOver()) co_await fold_turns_->Next();
    std::erase_if(open, [&](const FoldStep* step) {
      needs_.Clear();
      folder_.Needs(*step, needs_);
      return folder_.cells.AddMissing(needs_.reads(), missing);
    });
    if (missing.empty()) co_return OkStatus();
    EPIGRID_CO_RETURN_IF_ERROR(co_await Load(std::exchange(missing, {})));
  }
}

Task<Status> ShardProjector::Load(std::vector<CellRead> missing) {
  auto read = co_await view_.Read(options_.shard, generation_, missing);
  if (!read.ok()) co_return read.status();
  if (read->applied != committed_.applied) co_return ViewMoved();
  EPIGRID_CHECK(read->found.size() == missing.size(), "a view answers every read");
  for (size_t i = 0; i < missing.size(); ++i) {
    folder_.cells.Load(missing[i], std::move(read->found[i]));
  }
  co_return OkStatus();
}

Task<Status> ShardProjector::ApplyRecord(GatheredRecord& gathered) {
  if (!folder_.BeginRecord(gathered)) gathered.steps.clear();
  for (FoldStep& step : gathered.steps) {
    while (true) {
      needs_.Clear();
      folder_.Needs(step, needs_);
      std::vector<CellRead> missing = folder_.cells.Missing(needs_.reads());
      if (missing.empty()) break;
      EPIGRID_CO_RETURN_IF_ERROR(co_await Load(std::move(missing)));
    }
    if (TurnIsOver()) co_await fold_turns_->Next();
    folder_.Apply(gathered, step);
  }
  folder_.EndRecord(gathered, building() || gathered.record.offset <= floor_, emitted_);
  co_return OkStatus();
}

Task<Status> ShardProjector::Emit() {
  std::vector<std::vector<NewRecord>> parts = CutForAppends(std::exchange(emitted_, {}));
  for (std::vector<NewRecord>& part : parts) {
    auto appended = co_await producer_->Append(std::move(part));
    if (!appended.ok()) co_return appended.status();
  }
  co_return OkStatus();
}

Task<Status> ShardProjector::Commit(size_t records, size_t events) {
  folder_.meta.digest = folder_.cells.digest();
  GuardedBatch batch;
  batch.generation = generation_;
  batch.fold_version = fold_.version();
  batch.prev = committed_.applied;
  batch.next = folder_.meta.applied;
  batch.shard_time = folder_.meta.shard_time;
  batch.quiet = folder_.meta.quiet;
  batch.digest = folder_.meta.digest;
  batch.marks = folder_.TakeChangedMarks();
  batch.writes = folder_.cells.TakeWrites();
  const size_t writes = batch.writes.size();
  auto committed = co_await view_.Commit(options_.shard, std::move(batch));
  if (!committed.ok()) co_return committed.status();
  if (!committed->applied) co_return ViewMoved();
  share_.reset();
  next_due_ = committed->next_due;
  looks_since_commit_ = 0;
  committed_.applied = folder_.meta.applied;
  committed_.shard_time = folder_.meta.shard_time;
  committed_.quiet = folder_.meta.quiet;
  committed_.digest = folder_.meta.digest;
  folder_.cells.Trim(options_.cache_bytes_max);
  if (observer_ != nullptr) {
    observer_->OnBatch(options_.shard, records, events, writes, scheduler_.Now() - oldest_in_hand_);
  }
  oldest_in_hand_ = {};
  const Offset requested_at = folder_.TakeRebuildRequested();
  if (requested_at > rebuilt_ && callbacks_.rebuild_requested && !building()) {
    PostCallback(
        [requested = callbacks_.rebuild_requested, requested_at] { requested(requested_at); });
  }
  co_return OkStatus();
}

}  // namespace epigrid
