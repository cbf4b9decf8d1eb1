// When others may be infected by a case. Pure.
//
// The window begins at 00:00 local time, `window_days` before the local day of the anchor, which is
// the earlier of onset and first sampling. It ends when the person is kept apart: at the start of
// the first interval that ends after the anchor (an earlier one was over before the infection
// showed). If that interval began before the window, the window is empty. Without such an interval
// it is open. In venues any isolation counts, in the person's own household only a separation from
// it.
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

// `kept_apart`: isolations or separations, united. The span may be empty (until <= from).
Span WindowOf(const TracingPolicy& policy, Time anchor, const Spans& kept_apart);

}  // namespace epigrid::contact_tracing
