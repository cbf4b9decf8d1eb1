#include "services/health_code/domain/timeline.h"

#include <algorithm>
#include <array>
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

struct GraverFirst {
  bool operator()(const Hold* a, const Hold* b) const {
    // The address last: of two that are the same in everything else neither may hide the other.
    const auto order = [](const Hold* hold) {
      return std::tuple(-hold->colour, -hold->measure, std::string_view(hold->rule),
                        std::string_view(hold->evidence), hold->from, hold->until, hold);
    };
    return order(a) < order(b);
  }
};

// The holds that cover a time.
class Covering {
 public:
  void Add(const Hold& hold) {
    holds_.insert(&hold);
    ++with_measure_[hold.measure];
  }
  void Remove(const Hold& hold) {
    holds_.erase(&hold);
    --with_measure_[hold.measure];
  }

  v1::Measure measure() const {
    int gravest = v1::MEASURE_CENTRAL;
    while (gravest > v1::MEASURE_NONE && with_measure_[gravest] == 0) --gravest;
    return static_cast<v1::Measure>(gravest);
  }
  std::vector<const Hold*> Gravest() const {
    std::vector<const Hold*> gravest;
    for (const Hold* hold : holds_) {
      if (gravest.size() == kReasonsPerEntryMax) break;
      gravest.push_back(hold);
    }
    return gravest;
  }

 private:
  std::set<const Hold*, GraverFirst> holds_;
  std::array<int, v1::Measure_ARRAYSIZE> with_measure_{};
};

// From a time on.
struct Span {
  Time from;  // unset: always so far
  v1::Measure measure = v1::MEASURE_NONE;
  std::vector<const Hold*> reasons;
};

v1::TimelineEntry ToEntry(const Span& span) {
  v1::TimelineEntry entry;
  if (span.from.is_set()) *entry.mutable_from_time() = ToProto(span.from);
  entry.set_colour(span.reasons.empty() ? v1::COLOUR_GREEN : span.reasons.front()->colour);
  entry.set_measure(span.measure);
  for (const Hold* hold : span.reasons) *entry.add_reasons() = ToReason(*hold);
  return entry;
}

// Where a hold begins or ends.
struct Turn {
  Time at;
  const Hold* hold;
  bool begins;
};

std::vector<Turn> TurnsOf(const std::vector<Hold>& holds) {
  std::vector<Turn> turns;
  for (const Hold& hold : holds) {
    if (hold.from >= hold.until) continue;
    turns.push_back({hold.from, &hold, true});
    if (hold.until != kEndOfTime) turns.push_back({hold.until, &hold, false});
  }
  std::sort(turns.begin(), turns.end(), [](const Turn& a, const Turn& b) { return a.at < b.at; });
  return turns;
}

}  // namespace

Timeline MakeTimeline(const std::vector<Hold>& holds, Time now) {
  const std::vector<Turn> turns = TurnsOf(holds);
  Covering covering;
  std::vector<Span> spans(1);  // green, always so far
  for (size_t i = 0; i < turns.size();) {
    const Time at = turns[i].at;
    for (; i < turns.size() && turns[i].at == at; ++i) {
      turns[i].begins ? covering.Add(*turns[i].hold) : covering.Remove(*turns[i].hold);
    }
    Span span{.from = at, .measure = covering.measure(), .reasons = covering.Gravest()};
    if (span.measure == spans.back().measure && span.reasons == spans.back().reasons) continue;
    if (at <= now) spans.clear();
    spans.push_back(std::move(span));
  }
  Timeline timeline;
  if (spans.size() == 1 && !spans.front().from.is_set() && spans.front().reasons.empty()) {
    return timeline;  // no hold at all
  }
  for (const Span& span : spans) *timeline.Add() = ToEntry(span);
  return timeline;
}

void MoveOn(Timeline& timeline, Time now) {
  int over = 0;
  while (over + 1 < timeline.size() && FromProto(timeline[over + 1].from_time()) <= now) ++over;
  timeline.DeleteSubrange(0, over);
}

const v1::TimelineEntry* EntryAt(const Timeline& timeline, Time at) {
  const v1::TimelineEntry* found = nullptr;
  for (const v1::TimelineEntry& entry : timeline) {
    if (found != nullptr && FromProto(entry.from_time()) > at) break;
    found = &entry;
  }
  return found;
}

Time NextChange(const Timeline& timeline, Time at) {
  for (int i = 1; i < timeline.size(); ++i) {
    if (Time from = FromProto(timeline[i].from_time()); from > at) return from;
  }
  return kEndOfTime;
}

}  // namespace epigrid::health_code
