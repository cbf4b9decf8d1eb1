#include "services/contact_tracing/domain/case_window.h"

#include <algorithm>

#include "common/base/proto_time.h"

namespace epigrid::contact_tracing {
namespace {

void TakeEarlier(std::optional<Time>& earliest, Time time) {
  if (!earliest || time < *earliest) earliest = time;
}

// The one that ends a window: the first that was not over before the infection showed.
std::optional<Span> FirstAfter(Time anchor, const Spans& kept_apart) {
  const auto at = std::find_if(kept_apart.begin(), kept_apart.end(),
                               [anchor](const Span& span) { return span.until > anchor; });
  return at == kept_apart.end() ? std::nullopt : std::optional(*at);
}

}  // namespace

std::optional<Time> SampledTime(const state::v1::CaseRecord& record) {
  std::optional<Time> standing;
  std::optional<Time> once;
  if (record.has_reported_sampled_time()) standing = FromProto(record.reported_sampled_time());
  for (const state::v1::CaseTest& test : record.tests()) {
    TakeEarlier(test.positive() ? standing : once, FromProto(test.sampled_time()));
  }
  return standing ? standing : once;
}

std::optional<Time> AnchorOf(const state::v1::CaseRecord& record) {
  std::optional<Time> anchor = SampledTime(record);
  if (record.has_onset_time()) TakeEarlier(anchor, FromProto(record.onset_time()));
  return anchor;
}

CaseWindows WindowsOf(const TracingPolicy& policy, Time anchor, const Spans& isolations,
                      const Spans& separations) {
  const Time from = policy.zone.StartOfDay(policy.zone.LocalDay(anchor) - policy.window_days);
  CaseWindows windows{.venues = {from, kEndOfTime}, .household = {from, kEndOfTime}};
  if (const auto isolation = FirstAfter(anchor, isolations)) {
    windows.venues.until = std::max(isolation->from, from);
    windows.household.until = isolation->until;
  }
  if (const auto separation = FirstAfter(anchor, separations)) {
    windows.household.until = std::min(windows.household.until, std::max(separation->from, from));
  }
  return windows;
}

}  // namespace epigrid::contact_tracing
