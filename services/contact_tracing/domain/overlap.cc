#include "services/contact_tracing/domain/overlap.h"

#include <algorithm>
#include <map>

#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/policy.h"

namespace epigrid::contact_tracing {

void AppendClosed(const google::protobuf::RepeatedPtrField<events::v1::Stay>& stays,
                  const StayRule& rule, Spans& spans) {
  for (const events::v1::Stay& stay : stays) {
    Span span{.from = FromProto(stay.start_time())};
    if (stay.has_end_time()) {
      span.until = std::min(FromProto(stay.end_time()), span.from + kDeclaredStayMax);
    } else {
      span.estimated = true;
      span.until = span.from + std::min(rule.usual_stay, rule.stay_cap);
      if (stay.has_next_start_time()) {
        span.until = std::min(span.until, FromProto(stay.next_start_time()));
      }
    }
    if (span.from < span.until && span.until - span.from >= rule.stay_min) spans.push_back(span);
  }
}

Spans Unite(Spans spans) {
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.from < b.from; });
  size_t last = 0;
  for (size_t i = 1; i < spans.size(); ++i) {
    if (spans[i].from <= spans[last].until) {
      spans[last].until = std::max(spans[last].until, spans[i].until);
      spans[last].estimated |= spans[i].estimated;
    } else {
      spans[++last] = spans[i];
    }
  }
  if (!spans.empty()) spans.resize(last + 1);
  return spans;
}

Spans Intersect(const Spans& a, const Spans& b) {
  Spans shared;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const Span span{std::max(a[i].from, b[j].from), std::min(a[i].until, b[j].until),
                    a[i].estimated || b[j].estimated};
    if (span.from < span.until) shared.push_back(span);
    if (a[i].until < b[j].until) {
      ++i;
    } else {
      ++j;
    }
  }
  return shared;
}

Spans Subtract(const Spans& from, const Spans& what) {
  Spans left;
  for (Span span : from) {
    for (const Span& hole : what) {
      if (hole.until <= span.from || hole.from >= span.until) continue;
      if (hole.from > span.from) left.push_back({span.from, hole.from, span.estimated});
      span.from = hole.until;
      if (span.from >= span.until) break;
    }
    if (span.from < span.until) left.push_back(span);
  }
  return left;
}

Span ToSpan(const events::v1::Interval& interval) {
  return {FromProto(interval.from_time()),
          interval.has_until_time() ? FromProto(interval.until_time()) : kEndOfTime};
}

Spans ToSpans(const google::protobuf::RepeatedPtrField<events::v1::Interval>& intervals) {
  Spans spans;
  for (const events::v1::Interval& interval : intervals) {
    const Span span = ToSpan(interval);
    if (span.from < span.until) spans.push_back(span);
  }
  return Unite(std::move(spans));
}

events::v1::Interval ToInterval(const Span& span) {
  events::v1::Interval interval;
  *interval.mutable_from_time() = ToProto(span.from);
  if (span.until != kEndOfTime) *interval.mutable_until_time() = ToProto(span.until);
  return interval;
}

std::vector<DayMinutes> MinutesByDay(const TimeZone& zone, const Spans& spans) {
  std::map<int32_t, Duration> sums;
  for (const Span& span : spans) {
    for (Time from = span.from; from < span.until;) {
      const int32_t day = zone.LocalDay(from);
      const Time until = std::min(span.until, zone.StartOfDay(day + 1));
      sums[day] += until - from;
      from = until;
    }
  }
  std::vector<DayMinutes> days;
  for (const auto& [day, sum] : sums) {
    const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(sum).count();
    if (minutes > 0) days.push_back({day, static_cast<uint32_t>(minutes)});
  }
  return days;
}

}  // namespace epigrid::contact_tracing
