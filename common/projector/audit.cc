#include "common/projector/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/projector/log_retention.h"

namespace epigrid {
namespace {

// Cells compared by one read of the live view.
constexpr size_t kCellsPerRead = 256;

Status LiveMoved() { return ViewMoved("the live view is not where it was when the audit began"); }

}  // namespace

Audit::Audit(ShardProjectorDependencies dependencies, ShardProjectorOptions options,
             AuditLimits limits, Generation generation, ShardMeta live,
             std::function<void(Status)> ended)
    : dependencies_(dependencies),
      options_(std::move(options)),
      limits_(limits),
      generation_(generation),
      live_(std::move(live)),
      ended_(std::move(ended)),
      producer_(dependencies.log->NewProducer()),
      self_(std::make_shared<Audit*>(this)) {}

Audit::~Audit() { *self_ = nullptr; }

void Audit::Start() {
  main_ = Main();
  main_.Start();
}

Task<void> Audit::Main() {
  Status status = co_await Life();
  dependencies_.scheduler->Post([self = self_, ended = ended_, status = std::move(status)] {
    if (*self != nullptr) ended(status);
  });
}

Task<Status> Audit::Life() {
  auto begun = co_await Begin();
  if (!begun.ok()) co_return begun.status();
  view_ = std::make_unique<MemoryView>(std::move(*begun), limits_.bytes_max);
  options_.building = MemoryView::kGeneration;
  ShardProjectorDependencies aside = dependencies_;
  aside.view = view_.get();
  builder_ = std::make_unique<ShardBuilder>(aside, options_);
  builder_->Start();
  EPIGRID_CO_RETURN_IF_ERROR(co_await Fold(live_.applied));
  const ShardMeta& meta = view_->image().meta;
  if (meta.digest != live_.digest) {
    co_return Differs(fmt::format("the log gives the digest {} and the live view has {}",
                                  meta.digest.ToHex(), live_.digest.ToHex()));
  }
  if (meta.shard_time != live_.shard_time || meta.quiet != live_.quiet) {
    co_return Differs("the log gives another shard time or quiet offset than the live view has");
  }
  for (const ParkedRoot& root : builder_->parked().roots()) {
    first_parked_ = std::min(first_parked_, root.offset);
  }
  EPIGRID_CO_RETURN_IF_ERROR(co_await Keep());
  EPIGRID_CO_RETURN_IF_ERROR(co_await ReadLive());
  EPIGRID_CO_RETURN_IF_ERROR(co_await Judge());
  EPIGRID_CO_RETURN_IF_ERROR(co_await Cut());
  // Its own clock: the worst that a wrong one does is an audit too early or too late.
  auto put = co_await dependencies_.log->PutShardMetadata(
      inbox(), std::string(kAuditedField),
      std::to_string(std::max<int64_t>(0, dependencies_.scheduler->Now().micros)));
  co_return put.status();
}

Status Audit::Differs(const std::string& what) const {
  return {Code::kAborted, "AUDIT_DIFFERS",
          fmt::format("shard {} of {} at offset {}: {}; nothing was cut off the log",
                      options_.shard, dependencies_.fold->service(), live_.applied, what)};
}

Task<Result<ShardImage>> Audit::Begin() {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Offset> starts,
                              co_await dependencies_.log->Starts({inbox()}));
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Snapshot> all,
                              co_await ListSnapshots(*dependencies_.log, snapshots()));
  const Offset start = starts.front();
  ShardImage image;
  image.meta.fold_version = dependencies_.fold->version();
  const Snapshot* from = ChooseSnapshot(all, *dependencies_.fold, start);
  if (from == nullptr) {
    if (start > 0) {
      co_return SnapshotMissing(inbox(), start, dependencies_.fold->version());
    }
    co_return image;
  }
  // The view fell back behind what was audited before: when it has caught up.
  if (from->applied > live_.applied) co_return LiveMoved();
  SnapshotReader reader(*dependencies_.log, snapshots(), *from);
  while (true) {
    EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<CellWrite> writes, co_await reader.Next());
    if (writes.empty()) break;
    for (const CellWrite& write : writes) image.Write(write);
  }
  image.meta = reader.meta();
  image.meta.fold_version = dependencies_.fold->version();
  co_return image;
}

Task<Status> Audit::Fold(Offset limit) {
  while (!builder_->At(limit)) {
    EPIGRID_CO_RETURN_IF_ERROR(co_await builder_->Advance(limit));
    if (builder_->committed().applied > limit) co_return LiveMoved();
    if (builder_->fed() >= limit || !builder_->Reached(builder_->fed())) continue;
    auto end = co_await dependencies_.log->End(inbox());
    if (!end.ok()) co_return end.status();
    if (*end < limit) co_return LogCutShort(inbox(), *end, limit);
  }
  co_return OkStatus();
}

Task<Status> Audit::Keep() {
  const std::string id =
      fmt::format("{}/{}", options_.instance, dependencies_.scheduler->Now().micros);
  co_return co_await WriteSnapshot(*producer_, snapshots(), id, view_->image());
}

Task<Status> Audit::ReadLive() {
  const ShardImage& image = view_->image();
  auto key = image.strings.begin();
  auto hash = image.hashes.begin();
  Offset read_to = live_.applied;
  while (key != image.strings.end() || hash != image.hashes.end()) {
    std::vector<CellRead> reads;
    while (reads.size() < kCellsPerRead && key != image.strings.end()) {
      reads.push_back({CellRead::Kind::kString, key++->first, {}, {}});
    }
    // A hash may be large, and is read whole, so that what is too much in it shows.
    for (size_t members = 0;
         reads.size() < kCellsPerRead && members < kCellsPerRead && hash != image.hashes.end();
         ++hash) {
      members += hash->second.size();
      reads.push_back({CellRead::Kind::kMembers, hash->first, {}, {}});
    }
    auto live = co_await dependencies_.view->Read(options_.shard, generation_, reads);
    if (!live.ok()) co_return live.status();
    if (live->applied < read_to || live->applied >= kLoadingFrom) co_return LiveMoved();
    read_to = live->applied;
    for (size_t i = 0; i < reads.size(); ++i) {
      const CellFound expected = image.Read(reads[i]);
      CellFound& found = live->found[i];
      if (found.value == expected.value && found.members == expected.members) continue;
      suspects_.push_back({read_to, std::move(reads[i]), std::move(found)});
    }
  }
  auto opened = co_await dependencies_.view->Open(options_.shard, generation_);
  if (!opened.ok()) co_return opened.status();
  if (!opened->has_value() || (*opened)->meta.applied < read_to) co_return LiveMoved();
  live_later_ = std::move((*opened)->meta);
  co_return OkStatus();
}

Task<Status> Audit::Judge() {
  const ShardImage& image = view_->image();
  for (const Suspect& suspect : suspects_) {
    EPIGRID_CO_RETURN_IF_ERROR(co_await Fold(suspect.at));
    const CellFound expected = image.Read(suspect.read);
    if (suspect.live.value == expected.value && suspect.live.members == expected.members) continue;
    const std::string& key = suspect.read.key;
    co_return Differs(
        fmt::format("a cell of the kind '{}' is not as the log says that it was at {}",
                    key.substr(0, key.find(':')), suspect.at));
  }
  EPIGRID_CO_RETURN_IF_ERROR(co_await Fold(live_later_.applied));
  if (image.meta.marks != live_later_.marks || image.meta.digest != live_later_.digest) {
    co_return Differs(fmt::format("marks or digest are not as the log says that they were at {}",
                                  live_later_.applied));
  }
  co_return OkStatus();
}

Task<Status> Audit::Cut() {
  EventLog& log = *dependencies_.log;
  // What counts is what stands there now, whoever wrote it.
  auto all = co_await ListSnapshots(log, snapshots());
  if (!all.ok()) co_return all.status();
  const Snapshot* newest = ChooseSnapshot(*all, *dependencies_.fold, live_.applied);
  if (newest == nullptr) {
    co_return Status(Code::kAborted, "SNAPSHOT_LOST", "the snapshot just written is not there");
  }
  auto last = co_await log.ReadNewest(inbox(), 1);
  if (!last.ok()) co_return last.status();
  if (last->empty()) co_return OkStatus();
  const Time since = last->front().appended_at - limits_.retention;

  // Not up to a newer one, whose parked records are not known here.
  const Offset first_kept = std::min(live_.applied + 1, first_parked_);
  auto young = co_await FirstSince(log, inbox(), since);
  if (!young.ok()) co_return young.status();
  auto cut = co_await log.Cut(inbox(), std::min(first_kept, *young));
  if (!cut.ok()) co_return cut.status();
  cut =
      co_await log.Cut(snapshots(), SnapshotsFirstKept(*all, dependencies_.fold->version(), since));
  if (!cut.ok()) co_return cut.status();
  for (const std::string& name : dependencies_.fold->publications()) {
    const TopicShard topic = Topic(name);
    young = co_await FirstSince(log, topic, since);
    if (!young.ok()) co_return young.status();
    auto not_copied = co_await FirstNotCopied(log, topic);
    if (!not_copied.ok()) co_return not_copied.status();
    cut = co_await log.Cut(topic, std::min(*young, *not_copied));
    if (!cut.ok()) co_return cut.status();
  }
  co_return OkStatus();
}

}  // namespace epigrid
