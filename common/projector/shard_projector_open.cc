// How ShardProjector opens its shard: which generation of the view it goes on with, and what it
// begins from where there is none.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/projector/shard_projector.h"
#include "common/projector/snapshot.h"
#include "epigrid/internal/v1/projector_state.pb.h"

namespace epigrid {
namespace {

Status NotWhereItWasLeft() {
  return ViewMoved("a generation that is being made is not where it was left");
}

}  // namespace

Task<Status> ShardProjector::Open() {
  auto metadata = co_await log_.ShardMetadata(inbox());
  if (!metadata.ok()) co_return metadata.status();
  std::optional<Generation> newest_begun;
  for (const auto& [field, value] : *metadata) {
    if (field == kGenerationField) {
      newest_begun = ParseOffset(value);
    } else if (field == kRebuiltField) {
      rebuilt_ = ParseOffset(value);
    } else if (field.starts_with(kDropPrefix)) {
      to_drop_.push_back(ParseOffset(std::string_view(field).substr(kDropPrefix.size())));
    } else if (field == kAuditedField) {
      audited_ = {static_cast<int64_t>(ParseOffset(value))};
    } else if (field.starts_with(kParkedPrefix)) {
      parked_in_log_[ParseOffset(std::string_view(field).substr(kParkedPrefix.size()))] = value;
    }
  }
  auto starts = co_await log_.Starts({inbox()});
  if (!starts.ok()) co_return starts.status();
  log_start_ = starts->front();
  auto floors = co_await log_.Floors(std::string(fold_.service()), {inbox()});
  if (!floors.ok()) co_return floors.status();
  floor_ = floors->front();
  auto end = co_await log_.End(inbox());
  if (!end.ok()) co_return end.status();
  catch_up_to_ = *end;
  EPIGRID_CO_RETURN_IF_ERROR(co_await ChooseGeneration(newest_begun));
  folder_.meta = committed_;
  committed_.marks.clear();
  EPIGRID_CO_RETURN_IF_ERROR(co_await LoadRuntimeCells());
  if (building()) co_return OkStatus();

  const Attempt last{committed_.attempt_offset, committed_.attempt_count};
  if (last.offset == committed_.applied && last.count > 0) {
    attempt_found_ = {last.offset, last.count - (last == options_.own_attempt ? 1 : 0)};
  }
  if (attempt_found_.count >= options_.unclean_ends_max) {
    careful_records_ = options_.events_per_gather;
  }
  co_return OkStatus();
}

Task<Status> ShardProjector::OpenGeneration(Generation generation, bool* usable) {
  *usable = false;
  auto opened = co_await view_.Open(options_.shard, generation);
  if (!opened.ok()) co_return opened.status();
  if (!opened->has_value()) co_return OkStatus();
  const Offset applied = (*opened)->meta.applied;
  if (applied >= kLoadingFrom || applied < log_start_) {
    // Who made it from a snapshot died over it; or what follows on it is not there any more.
    const std::string field = fmt::format("{}{}", kDropPrefix, generation);
    auto put = co_await log_.PutShardMetadata(inbox(), field, std::to_string(catch_up_to_));
    to_drop_.push_back(generation);
    co_return put.status();
  }
  *usable = true;
  committed_ = std::move((*opened)->meta);
  next_due_ = (*opened)->next_due;
  generation_ = generation;
  if (committed_.fold_version != fold_.version()) {
    co_return FailedPrecondition(
        "FOLD_VERSION_CHANGED",
        fmt::format("shard {} of {} was folded by version {} and this binary folds version {}: run "
                    "the binary that made it, or drop the view to have it built anew",
                    options_.shard, fold_.service(), committed_.fold_version, fold_.version()));
  }
  co_return OkStatus();
}

Task<Status> ShardProjector::ChooseGeneration(std::optional<Generation> newest_begun) {
  bool usable = false;
  if (building()) {
    EPIGRID_CO_RETURN_IF_ERROR(co_await OpenGeneration(options_.building, &usable));
    if (!usable) co_return co_await BeginGeneration(options_.building);
    co_return OkStatus();
  }
  auto live = co_await view_.Live(options_.shard);
  if (!live.ok()) co_return live.status();
  if (live->has_value()) {
    EPIGRID_CO_RETURN_IF_ERROR(co_await OpenGeneration(**live, &usable));
    live_ = usable;
    if (usable) co_return OkStatus();
  }
  const Generation newest = std::max(newest_begun.value_or(0), live->value_or(0));
  if (newest > 0 && newest != live->value_or(0)) {
    EPIGRID_CO_RETURN_IF_ERROR(co_await OpenGeneration(newest, &usable));
    if (usable) co_return OkStatus();
  }
  if (newest > 0 && observer_ != nullptr && catch_up_to_ > 0) {
    observer_->OnAlert(
        ProjectorAlert::kViewLost, options_.shard,
        "the view is empty, or older than what the log still has, and is built anew");
  }
  co_return co_await BeginGeneration(newest + 1);
}

Task<Status> ShardProjector::BeginGeneration(Generation generation) {
  // First of all: without a place to begin from there is nothing to be made.
  const TopicShard snapshots{SnapshotTopic(fold_.service()), options_.shard};
  auto all = co_await ListSnapshots(log_, snapshots);
  if (!all.ok()) co_return all.status();
  const Snapshot* from = ChooseSnapshot(*all, fold_, log_start_);
  // A rebuild is there to fold the facts, as long as they are.
  if (building() && log_start_ == 0) from = nullptr;
  if (from == nullptr && log_start_ > 0) {
    co_return SnapshotMissing(inbox(), log_start_, fold_.version());
  }
  // The log first: a number is never used for two generations.
  auto put = co_await log_.PutShardMetadata(inbox(), std::string(kGenerationField),
                                            std::to_string(generation));
  if (!put.ok()) co_return put.status();
  auto created = co_await view_.Create(options_.shard, generation, fold_.version());
  if (!created.ok()) co_return created.status();
  if (from != nullptr) EPIGRID_CO_RETURN_IF_ERROR(co_await LoadSnapshot(generation, *from));
  bool usable = false;
  EPIGRID_CO_RETURN_IF_ERROR(co_await OpenGeneration(generation, &usable));
  if (!usable) co_return NotWhereItWasLeft();
  co_return OkStatus();
}

// In batches that anybody sees to be no fold's: a shard that is at kLoadingFrom or beyond is opened
// by nobody, and two who load the same generation refuse each other.
Task<Status> ShardProjector::LoadSnapshot(Generation generation, Snapshot snapshot) {
  SnapshotReader reader(log_, {SnapshotTopic(fold_.service()), options_.shard}, snapshot);
  GuardedBatch batch;
  batch.generation = generation;
  batch.fold_version = fold_.version();
  batch.next = kLoadingFrom;
  std::vector<CellWrite> writes;
  size_t taken = 0;
  while (true) {
    GuardedBatch next = batch;
    for (; taken < writes.size() && next.writes.size() < options_.writes_per_batch; ++taken) {
      next.writes.push_back(std::move(writes[taken]));
    }
    for (const CellWrite& write : next.writes) batch.digest.Add(write);
    next.digest = batch.digest;
    auto committed = co_await view_.Commit(options_.shard, std::move(next));
    if (!committed.ok()) co_return committed.status();
    if (!committed->applied) co_return NotWhereItWasLeft();
    batch.prev = batch.next++;
    if (taken < writes.size()) continue;
    auto read = co_await reader.Next();
    if (!read.ok()) co_return read.status();
    writes = std::move(*read);
    taken = 0;
    if (writes.empty()) break;
  }
  const ShardMeta& meta = reader.meta();
  batch.next = meta.applied;
  batch.shard_time = meta.shard_time;
  batch.quiet = meta.quiet;
  batch.digest = meta.digest;
  batch.marks = meta.marks;
  auto committed = co_await view_.Commit(options_.shard, std::move(batch));
  if (!committed.ok()) co_return committed.status();
  co_return committed->applied ? OkStatus() : NotWhereItWasLeft();
}

Task<Status> ShardProjector::LoadRuntimeCells() {
  needs_.Clear();
  folder_.CommonNeeds(needs_);
  needs_.String(std::string(kConfiguredCell));
  needs_.String(std::string(kRebuildCell));
  std::vector<CellRead> missing = folder_.cells.Missing(needs_.reads());
  if (!missing.empty()) EPIGRID_CO_RETURN_IF_ERROR(co_await Load(std::move(missing)));
  if (const std::string* parked = folder_.cells.Get(kParkedCell)) {
    std::optional<ParkedRecords> decoded = ParkedRecords::Decode(*parked);
    EPIGRID_CHECK(decoded.has_value(), "the cell of parked records does not parse");
    folder_.parked = std::move(*decoded);
  }
  co_return OkStatus();
}

}  // namespace epigrid
