// When others may be infected by a case. Pure.
//
// The window begins at 00:00 local time, `window_days` before the local day of the anchor, which is
// the earlier of onset and first sampling. It ends when the person is kept apart: at the start of
// the first interval that ends after the anchor (an earlier one was over before the infection
// showed). If that interval began before the window, the window is empty. Without such an interval
// it is open. In venues any isolation counts. In the person's own household a separation from it
// does, and the end of the isolation that ended the window for venues: whoever is discharged
// infects nobody at home either.
#pragma once

#include <optional>

#include "epigrid/contact_tracing/state/v1/state.pb.h"
#include "services/contact_tracing/domain/overlap.h"
#include "services/contact_tracing/domain/policy.h"

namespace epigrid::contact_tracing {

// Sampling of the first positive: as reported, or of the tests that still stand; if none does, of
// those that once did.
std::optional<Time> SampledTime(const state::v1::CaseRecord& record);

// The earlier of onset and sampling.
std::optional<Time> AnchorOf(const state::v1::CaseRecord& record);

// Both may be empty (until <= from).
struct CaseWindows {
  Span venues;
  Span household;
};
// Isolations and separations are united; each separation lies within an isolation.
CaseWindows WindowsOf(const TracingPolicy& policy, Time anchor, const Spans& isolations,
                      const Spans& separations);

}  // namespace epigrid::contact_tracing
