#include "services/health_code/domain/timeline.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "common/base/proto_time.h"

namespace epigrid::health_code {
namespace {

v1::Reason ToReason(const Hold& hold) {
  v1::Reason reason;
  reason.set_rule(hold.rule);
  reason.add_evidence(hold.evidence);
  *reason.mutable_since_time() = ToProto(hold.from);
  if (hold.until != kEndOfTime) *reason.mutable_until_time() = ToProto(hold.until);
  reason.set_cleared_by(hold.cleared_by);
  if (hold.cleared_from.is_set()) *reason.mutable_cleared_from_time() = ToProto(hold.cleared_from);
  reason.set_colour(hold.colour);
  reason.set_measure(hold.measure);
  return reason;
}

bool GraverFirst(const Hold* a, const Hold* b) {
  const auto order = [](const Hold* hold) {
    return std::tuple(-hold->colour, -hold->measure, std::string_view(hold->rule),
                      std::string_view(hold->evidence));
  };
  return order(a) < order(b);
}

v1::TimelineEntry MakeEntry(Time from, std::vector<const Hold*> covering) {
  std::sort(covering.begin(), covering.end(), GraverFirst);
  v1::TimelineEntry entry;
  *entry.mutable_from_time() = ToProto(from);
  entry.set_colour(v1::COLOUR_GREEN);
  entry.set_measure(v1::MEASURE_NONE);
  for (const Hold* hold : covering) {
    entry.set_colour(std::max(entry.colour(), hold->colour));
    entry.set_measure(std::max(entry.measure(), hold->measure));
    if (entry.reasons_size() < kReasonsPerEntryMax) *entry.add_reasons() = ToReason(*hold);
  }
  return entry;
}

}  // namespace

Timeline MakeTimeline(const std::vector<Hold>& holds) {
  std::set<Time> turns;
  for (const Hold& hold : holds) {
    if (hold.from >= hold.until) continue;
    turns.insert(hold.from);
    if (hold.until != kEndOfTime) turns.insert(hold.until);
  }
  Timeline timeline;
  for (Time turn : turns) {
    std::vector<const Hold*> covering;
    for (const Hold& hold : holds) {
      if (hold.from <= turn && turn < hold.until) covering.push_back(&hold);
    }
    *timeline.Add() = MakeEntry(turn, std::move(covering));
  }
  return timeline;
}

const v1::TimelineEntry* EntryAt(const Timeline& timeline, Time at) {
  const v1::TimelineEntry* found = nullptr;
  for (const v1::TimelineEntry& entry : timeline) {
    if (FromProto(entry.from_time()) > at) break;
    found = &entry;
  }
  return found;
}

Time NextChange(const Timeline& timeline, Time at) {
  for (const v1::TimelineEntry& entry : timeline) {
    if (Time from = FromProto(entry.from_time()); from > at) return from;
  }
  return kEndOfTime;
}

}  // namespace epigrid::health_code
