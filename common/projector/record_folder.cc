#include "common/projector/record_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "common/base/proto_time.h"
#include "common/projector/outcomes.h"
#include "common/projector/ticking.h"
#include "epigrid/internal/v1/projector_state.pb.h"

namespace epigrid {
namespace {

std::string MarkKey(const events::v1::Position& position) {
  return position.stream() + "/" + std::to_string(position.source_shard());
}

bool IsOutcomeTimer(const Timer& timer) { return timer.id.starts_with(kOutcomePrefix); }

}  // namespace

std::string_view ParkReason(bool parsed, const Envelope& envelope) {
  if (!parsed || envelope.events().empty()) return kParkedMalformed;
  if (envelope.schema_version() > kSchemaVersion) return kParkedUnknownEvent;
  for (const Event& event : envelope.events()) {
    if (event.kind_case() == Event::KIND_NOT_SET) return kParkedUnknownEvent;
    if (StandsAlone(event) && envelope.events_size() > 1) return kParkedMalformed;
  }
  return {};
}

RecordFolder::RecordFolder(const Fold& fold, Emitter self, ProjectorObserver* observer)
    : fold_(fold),
      publications_(fold.publications()),
      self_(std::move(self)),
      observer_(observer) {}

GatheredRecord RecordFolder::Open(LogRecord record) const {
  GatheredRecord gathered;
  const bool parsed = gathered.envelope.ParseFromString(record.value);
  // What stands there may be half of it: its position counts for nothing.
  if (!parsed) gathered.envelope.Clear();
  gathered.park_reason = ParkReason(parsed, gathered.envelope);
  if (gathered.envelope.has_position()) gathered.mark = MarkKey(gathered.envelope.position());
  gathered.repeated = IsRepeated(gathered);
  gathered.record = std::move(record);
  if (!gathered.park_reason.empty() || gathered.repeated) return gathered;
  const Time recorded_at = FromProto(gathered.envelope.recorded_at());
  gathered.steps.reserve(static_cast<size_t>(gathered.envelope.events_size()));
  for (Event& event : *gathered.envelope.mutable_events()) {
    if (StandsAlone(event)) break;
    FoldStep& step = gathered.steps.emplace_back();
    step.index = static_cast<uint32_t>(gathered.steps.size() - 1);
    step.event = &event;
    step.recorded_at = recorded_at;
  }
  return gathered;
}

void RecordFolder::AddTimers(GatheredRecord& gathered, std::vector<Timer> timers) const {
  for (Timer& timer : timers) {
    FoldStep& step = gathered.steps.emplace_back();
    step.kind = FoldStep::Kind::kTimer;
    step.index = static_cast<uint32_t>(gathered.steps.size() - 1);
    step.recorded_at = FromProto(gathered.envelope.recorded_at());
    step.timer = std::move(timer);
  }
}

bool RecordFolder::HasRoomFor(const Waiting& waiting, const GatheredRecord& gathered) {
  const size_t steps_max = waiting.event_index.has_value() ? 1 : kEventsPerRecordMax;
  return gathered.steps.size() + steps_max <= kEventsPerRecordMax;
}

bool RecordFolder::AddWaiting(GatheredRecord& gathered, const Waiting& waiting,
                              const LogRecord* record) const {
  auto add = [&](Event* event, uint32_t index, Time recorded_at) {
    FoldStep& step = gathered.steps.emplace_back();
    step.kind = FoldStep::Kind::kWaiting;
    step.index = static_cast<uint32_t>(gathered.steps.size() - 1);
    step.event = event;
    step.recorded_at = recorded_at;
    step.cause = &gathered.waiting.back();
    step.origin = {waiting.offset, index};
  };
  Envelope& envelope = gathered.waiting.emplace_back();
  const bool parsed = record != nullptr && envelope.ParseFromString(record->value);
  const bool foldable = ParkReason(parsed, envelope).empty();
  const size_t steps_before = gathered.steps.size();
  if (foldable) {
    const Time recorded_at = FromProto(envelope.recorded_at());
    for (int i = 0; i < envelope.events_size(); ++i) {
      const uint32_t index = static_cast<uint32_t>(i);
      if (waiting.event_index.value_or(index) != index || StandsAlone(envelope.events(i))) continue;
      add(envelope.mutable_events(i), index, recorded_at);
    }
  }
  if (gathered.steps.size() == steps_before) add(nullptr, 0, {});
  if (foldable) gathered.steps.back().done = waiting;
  return foldable;
}

bool RecordFolder::IsRepeated(const GatheredRecord& gathered) const {
  if (gathered.mark.empty()) return false;
  const events::v1::Position& position = gathered.envelope.position();
  auto found = meta.marks.find(gathered.mark);
  return found != meta.marks.end() && Mark{position.offset(), position.index()} <= found->second;
}

void RecordFolder::CommonNeeds(NeedSet& needs) const {
  needs.String(std::string(kParkedCell));
  needs.String(std::string(kIgnoredCell));
}

void RecordFolder::UnparkedNeeds(Offset root, NeedSet& needs) const {
  needs.Members(WaitingCell(root));
  const ParkedRoot* found = parked.Find(root);
  if (found == nullptr) return;
  for (const std::string& entity : found->entities) needs.Members(HeldTimersCell(entity));
}

void RecordFolder::Needs(const FoldStep& step, NeedSet& needs) const {
  if (step.kind == FoldStep::Kind::kTimer) {
    if (IsOutcomeTimer(step.timer)) {
      needs.String(step.timer.id);
      return;
    }
    if (const std::string entity = fold_.TimerEntity(step.timer); Waits(entity)) {
      needs.Member(HeldTimersCell(entity), step.timer.id);
    } else {
      fold_.TimerNeeds(step.timer, cells, needs);
    }
    return;
  }
  if (step.event == nullptr) return;
  if (step.kind == FoldStep::Kind::kWaiting) {
    for (const std::string& entity : fold_.Entities(*step.event)) {
      needs.Members(HeldTimersCell(entity));
    }
  }
  if (step.event->has_request()) needs.String(OutcomeCell(step.event->request()));
  if (step.event->has_configured()) needs.String(std::string(kConfiguredCell));
  if (step.event->has_rebuild_requested()) needs.String(std::string(kRebuildCell));
  fold_.Needs(*step.event, cells, needs);
}

std::vector<std::string> RecordFolder::EntitiesOf(const Envelope& envelope,
                                                  const std::string& key) const {
  std::vector<std::string> entities;
  if (!key.empty()) entities.push_back(key);
  for (const Event& event : envelope.events()) {
    if (event.kind_case() == Event::KIND_NOT_SET) {
      if (!event.entity().empty()) entities.push_back(event.entity());
      continue;
    }
    for (std::string& entity : fold_.Entities(event)) entities.push_back(std::move(entity));
  }
  return entities;
}

bool RecordFolder::BeginRecord(GatheredRecord& gathered) {
  emissions_.clear();
  changes_before_ = cells.changes();
  if (!gathered.mark.empty()) {
    // Asked again: an earlier record of this batch may have been the same.
    gathered.repeated = gathered.repeated || IsRepeated(gathered);
    if (gathered.repeated) {
      if (observer_ != nullptr) observer_->OnIgnored(self_.shard, "REPEATED");
      return false;
    }
    const events::v1::Position& position = gathered.envelope.position();
    const Mark mark{position.offset(), position.index()};
    meta.marks[gathered.mark] = mark;
    changed_marks_[gathered.mark] = mark;
  }
  if (!gathered.park_reason.empty()) {
    parked.Park(gathered.record.offset, gathered.park_reason,
                EntitiesOf(gathered.envelope, gathered.record.key), cells);
    if (observer_ != nullptr) {
      observer_->OnAlert(ProjectorAlert::kRecordParked, self_.shard,
                         fmt::format("{} at {}", gathered.park_reason, gathered.record.offset));
    }
    return false;
  }
  if (gathered.is_tick()) {
    const Time tick = FromProto(gathered.envelope.events(0).tick().time());
    if (!TickIsCredible(tick, gathered.record.appended_at)) {
      Ignored(gathered.record.offset, 0, "TICK_NOT_CREDIBLE");
    } else {
      meta.shard_time = std::max(meta.shard_time, tick);
    }
  }
  return true;
}

void RecordFolder::Apply(GatheredRecord& gathered, FoldStep& step) {
  if (step.kind == FoldStep::Kind::kTimer) {
    ApplyTimer(gathered, step);
    return;
  }
  if (step.event != nullptr) {
    ApplyEvent(gathered, step);
  } else if (!step.done.has_value()) {
    Ignored(gathered.record.offset, step.index, "STILL_PARKED");
  }
  if (step.done.has_value()) {
    const Offset root = gathered.envelope.events(0).unparked().offset();
    cells.DeleteMember(WaitingCell(root), step.done->ToField());
  }
}

void RecordFolder::ApplyTimer(GatheredRecord& gathered, const FoldStep& step) {
  // One that an earlier timer of this tick has moved is not due any more.
  if (cells.TimerMoved(step.timer.id)) return;
  cells.MoveTimer(step.timer.id, step.timer.due, {});
  if (IsOutcomeTimer(step.timer)) {
    cells.Delete(step.timer.id);
    return;
  }
  if (const std::string entity = fold_.TimerEntity(step.timer); Waits(entity)) {
    ParkedRecords::Hold(entity, step.timer, cells);
    return;
  }
  Context context(self_.shard, gathered.record.offset, step.index, meta.shard_time,
                  step.recorded_at);
  const uint64_t before = cells.changes();
  fold_.FireTimer(step.timer, cells, context);
  EPIGRID_CHECK(cells.changes() - before <= kWritesPerEventMax, "a timer writes too many cells");
  Collect(context, {gathered.record.offset, step.index}, step);
}

bool RecordFolder::Waits(const std::string& entity) const {
  return !parked.empty() && !entity.empty() &&
         parked.BlockedBy({entity}, std::numeric_limits<Offset>::max()).has_value();
}

void RecordFolder::ApplyEvent(GatheredRecord& gathered, FoldStep& step) {
  Event& event = *step.event;
  const bool waited = step.kind == FoldStep::Kind::kWaiting;
  const Waiting self = waited ? step.origin : Waiting{gathered.record.offset, step.index};
  if (!parked.empty()) {
    const Offset waited_for = waited ? gathered.envelope.events(0).unparked().offset() : 0;
    const std::vector<std::string> entities = fold_.Entities(event);
    if (std::optional<Offset> root = parked.BlockedBy(entities, self.offset, waited_for)) {
      parked.ParkBehind(*root, self, entities, cells);
      return;
    }
    if (waited) {
      for (const std::string& entity : entities) ParkedRecords::ArmHeld(entity, cells);
    }
  }
  const bool decided = event.has_request();
  std::string outcome_cell;
  if (decided) {
    outcome_cell = OutcomeCell(event.request());
    if (cells.Get(outcome_cell) != nullptr) return;
  }
  ApplyRuntimeEvent(gathered, event);
  if (event.has_rebuild_requested()) return;  // no fold's business
  Context context(self_.shard, gathered.record.offset, step.index, meta.shard_time,
                  step.recorded_at);
  const uint64_t before = cells.changes();
  fold_.Apply(event, cells, context);
  EPIGRID_CHECK(cells.changes() - before <= kWritesPerEventMax, "an event writes too many cells");
  if (decided) {
    // Before the first tick the shard has no time: then that of the command's origin.
    const Time expire_time = std::max(meta.shard_time, step.recorded_at) + kOutcomeLifetime;
    const Outcome outcome = std::move(context.answer).value_or(Outcome());
    cells.Set(outcome_cell, EncodeOutcome(event.request().fingerprint(), outcome, expire_time));
    cells.MoveTimer(outcome_cell, {}, expire_time);
  }
  Collect(context, self, step);
}

void RecordFolder::ApplyRuntimeEvent(const GatheredRecord& gathered, const Event& event) {
  if (event.has_configured()) {
    cells.Set(kConfiguredCell, event.configured().version());
  } else if (event.has_rebuild_requested()) {
    internal::v1::RebuildState state;
    state.set_offset(gathered.record.offset);
    state.set_rebuild_id(event.rebuild_requested().rebuild_id());
    cells.SetProto(kRebuildCell, state);
    rebuild_requested_ = gathered.record.offset;
  }
}

void RecordFolder::Collect(Context& context, const Waiting& at, const FoldStep& step) {
  for (const std::string& reason : context.ignored) {
    Ignored(at.offset, at.event_index.value_or(0), reason);
  }
  for (Emission& emission : context.emissions) {
    EPIGRID_CHECK(emission.topic.empty() ||
                      std::ranges::find(publications_, emission.topic) != publications_.end(),
                  "a fold publishes only to its publications");
    emission.cause = step.cause;
    emissions_.push_back(std::move(emission));
  }
}

void RecordFolder::Ignored(Offset offset, uint32_t index, std::string_view reason) {
  auto events = cells.GetProto<internal::v1::IgnoredEvents>(kIgnoredCell)
                    .value_or(internal::v1::IgnoredEvents());
  while (static_cast<size_t>(events.events_size()) >= kIgnoredEventsKept) {
    events.mutable_events()->DeleteSubrange(0, 1);
  }
  internal::v1::IgnoredEvent* added = events.add_events();
  added->set_offset(offset);
  added->set_event_index(index);
  added->set_reason(std::string(reason));
  cells.SetProto(kIgnoredCell, events);
  if (observer_ != nullptr) observer_->OnIgnored(self_.shard, reason);
}

void RecordFolder::FinishUnparked(GatheredRecord& gathered) {
  const Offset root = gathered.envelope.events(0).unparked().offset();
  if (parked.Find(root) == nullptr) {
    Ignored(gathered.record.offset, 0, "NOT_PARKED");
  } else if (gathered.more_waiting) {
    Emission again;
    again.event = gathered.envelope.events(0);
    emissions_.push_back(std::move(again));
  } else if (cells.GetMembers(WaitingCell(root)).empty()) {
    const auto entities = parked.Find(root)->entities;
    parked.Release(root, cells);
    for (const std::string& entity : entities) {
      if (!Waits(entity)) ParkedRecords::ArmHeld(entity, cells);
    }
  }
}

void RecordFolder::EndRecord(GatheredRecord& gathered, bool mute, std::vector<NewRecord>& out) {
  if (gathered.is_unparked() && !gathered.repeated) FinishUnparked(gathered);
  if (cells.changes() != changes_before_ || !emissions_.empty()) {
    meta.quiet = gathered.record.offset;
  }
  if (!mute) {
    AppendEmitted(self_, gathered.envelope, gathered.record.offset, emissions_, out);
  }
  emissions_.clear();
}

}  // namespace epigrid
