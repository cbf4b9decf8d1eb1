// Arithmetic of intervals: what two people share. Pure.
//
//   Spans contact;
//   AppendClosed(stays, rule, contact);
//   Spans shared = Intersect(Intersect(index, {window}), Unite(std::move(contact)));
//   std::vector<DayMinutes> days = MinutesByDay(zone, shared);
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <cstdint>
#include <vector>

#include "common/base/clock.h"
#include "common/base/local_day.h"
#include "epigrid/events/v1/contact_tracing_events.pb.h"

namespace epigrid::contact_tracing {

// From (included) until (excluded; kEndOfTime: open).
struct Span {
  Time from;
  Time until;
  bool estimated = false;  // an end that nobody declared went into it
  friend bool operator==(const Span&, const Span&) = default;
};

// "United" below: in order, none empty, none overlapping or touching another.
using Spans = std::vector<Span>;

// How stays are closed.
struct StayRule {
  Duration usual_stay;  // of the setting
  Duration stay_cap;
  Duration stay_min;  // shorter ones are dropped
};

// Each stay ends at its declared end, else at the earliest of the next start, the usual stay and
// the cap. Not united.
void AppendClosed(const google::protobuf::RepeatedPtrField<events::v1::Stay>& stays,
                  const StayRule& rule, Spans& spans);

Spans Unite(Spans spans);
// Of united spans; the result is united where both are.
Spans Intersect(const Spans& a, const Spans& b);
Spans Subtract(const Spans& from, const Spans& what);

// Intervals as messages have them; empty and reversed ones are left out.
Span ToSpan(const events::v1::Interval& interval);
Spans ToSpans(const google::protobuf::RepeatedPtrField<events::v1::Interval>& intervals);
events::v1::Interval ToInterval(const Span& span);

struct DayMinutes {
  int32_t day = 0;
  uint32_t minutes = 0;  // whole ones, of all spans' parts on that day together
  friend bool operator==(const DayMinutes&, const DayMinutes&) = default;
};

// The days on which at least one whole minute falls, in order. No span is open.
std::vector<DayMinutes> MinutesByDay(const TimeZone& zone, const Spans& spans);

}  // namespace epigrid::contact_tracing
