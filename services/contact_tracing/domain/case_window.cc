#include "services/contact_tracing/domain/case_window.h"

#include <algorithm>

#include "services/contact_tracing/domain/times.h"

namespace epigrid::contact_tracing {
namespace {

void TakeEarlier(std::optional<Time>& earliest, Time time) {
  if (!earliest || time < *earliest) earliest = time;
}

}  // namespace

std::optional<Time> SampledTime(const state::v1::CaseRecord& record) {
  std::optional<Time> standing;
  std::optional<Time> once;
  if (record.has_reported_sampled_time()) standing = TimeOf(record.reported_sampled_time());
  for (const state::v1::CaseTest& test : record.tests()) {
    TakeEarlier(test.positive() ? standing : once, TimeOf(test.sampled_time()));
  }
  return standing ? standing : once;
}

std::optional<Time> AnchorOf(const state::v1::CaseRecord& record) {
  std::optional<Time> anchor = SampledTime(record);
  if (record.has_onset_time()) TakeEarlier(anchor, TimeOf(record.onset_time()));
  return anchor;
}

Span WindowOf(const TracingPolicy& policy, Time anchor, const Spans& kept_apart) {
  Span window{policy.zone.StartOfDay(policy.zone.LocalDay(anchor) - policy.window_days),
              kEndOfTime};
  for (const Span& span : kept_apart) {
    if (span.until <= anchor) continue;
    window.until = std::max(span.from, window.from);
    break;
  }
  return window;
}

}  // namespace epigrid::contact_tracing
