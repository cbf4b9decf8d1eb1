#include "tests/simulation/aside_fold.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/proto_time.h"
#include "common/projector/ticking.h"

namespace epigrid {

AsideFold::AsideFold(const epigrid::Fold& fold, Shard shard, uint32_t shard_count,
                     std::map<Offset, std::string> parked)
    : fold_(fold),
      parked_(std::move(parked)),
      folder_(fold, {std::string(fold.service()), shard, shard_count}, nullptr) {}

void AsideFold::Fold(const std::vector<LogRecord>& records) {
  for (const LogRecord& record : records) FoldRecord(record, records);
  state_.meta = folder_.meta;
  state_.meta.digest = folder_.cells.digest();
}

void AsideFold::Load(const NeedSet& needs) {
  for (const CellRead& read : folder_.cells.Missing(needs.reads())) {
    folder_.cells.Load(read, state_.Read(read));
  }
}

void AsideFold::CheckRepeated(const GatheredRecord& gathered) {
  if (!gathered.envelope.has_position()) return;
  const events::v1::Position& position = gathered.envelope.position();
  const bool seen =
      !seen_
           .emplace(position.stream(), position.source_shard(), position.offset(), position.index())
           .second;
  if (seen == gathered.repeated) return;
  problems_.push_back(fmt::format(
      "the record at {} from {}/{} at {}-{} {}", gathered.record.offset, position.stream(),
      position.source_shard(), position.offset(), position.index(),
      seen ? "came before and counts again" : "never came before and is at or below its mark"));
}

void AsideFold::AddSteps(GatheredRecord& gathered, const std::vector<LogRecord>& all) {
  if (gathered.repeated) return;
  if (gathered.is_tick()) {
    const Time tick = FromProto(gathered.envelope.events(0).tick().time());
    Time until = folder_.meta.shard_time;
    if (TickIsCredible(tick, gathered.record.appended_at)) until = std::max(until, tick);
    folder_.AddTimers(gathered, state_.Read({CellRead::Kind::kTimers, {}, {}, until}).timers);
  } else if (gathered.is_unparked()) {
    const Offset root = gathered.envelope.events(0).unparked().offset();
    if (folder_.parked.Find(root) == nullptr) return;
    NeedSet needs;
    folder_.UnparkedNeeds(root, needs);
    Load(needs);
    const auto fields = folder_.cells.GetMembers(WaitingCell(root));
    for (const auto& [field, value] : fields) {
      const Waiting waiting = *Waiting::FromField(field);
      if (!RecordFolder::HasRoomFor(waiting, gathered)) {
        gathered.more_waiting = true;
        break;
      }
      auto at = std::find_if(all.begin(), all.end(), [&](const LogRecord& record) {
        return record.offset == waiting.offset;
      });
      if (!folder_.AddWaiting(gathered, waiting, at == all.end() ? nullptr : &*at)) break;
    }
  }
}

void AsideFold::FoldRecord(const LogRecord& record, const std::vector<LogRecord>& all) {
  const Digest digest = folder_.cells.digest();
  folder_.cells.Drop();  // nothing is believed to be known
  folder_.cells.Begin(digest);
  GatheredRecord gathered = folder_.Open(record);
  CheckRepeated(gathered);
  if (auto parked = parked_.find(record.offset); parked != parked_.end()) {
    gathered.Park(parked->second);
  }
  NeedSet needs;
  folder_.CommonNeeds(needs);
  Load(needs);
  AddSteps(gathered, all);
  std::vector<Event*> events;
  for (FoldStep& step : gathered.steps) {
    if (step.event != nullptr) events.push_back(step.event);
  }
  if (!events.empty()) {
    Future<Status> prepared = Run(fold_.Prepare(std::move(events)));
    EPIGRID_CHECK(prepared.ready(), "in a simulation nothing is waited for by Prepare");
    EPIGRID_CHECK(std::move(prepared).Wait().ok(), "in a simulation Prepare does not fail");
  }
  if (!folder_.BeginRecord(gathered)) gathered.steps.clear();
  for (FoldStep& step : gathered.steps) {
    while (true) {
      needs.Clear();
      folder_.Needs(step, needs);
      const std::vector<CellRead> missing = folder_.cells.Missing(needs.reads());
      if (missing.empty()) break;
      for (const CellRead& read : missing) folder_.cells.Load(read, state_.Read(read));
    }
    folder_.Apply(gathered, step);
  }
  folder_.EndRecord(gathered, /*mute=*/false, emitted_);
  folder_.meta.applied = record.offset;
  for (const CellWrite& write : folder_.cells.TakeWrites()) state_.Write(write);
  after_[record.offset] = {folder_.cells.digest(), folder_.meta.shard_time};
}

}  // namespace epigrid
