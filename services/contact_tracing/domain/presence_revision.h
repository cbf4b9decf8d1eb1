// Which of the messages about one presence stand. Pure.
//
// The highest revision of the check-ins and deletions stands, and the highest check-out above it
// completes it, so that the order in which they come does not matter. The same revision with
// another content changes nothing: the first in the log stands.
#pragma once

#include <cstdint>
#include <optional>

#include "epigrid/contact_tracing/state/v1/state.pb.h"
#include "epigrid/contact_tracing/v1/contact_tracing.pb.h"
#include "services/contact_tracing/domain/policy.h"

namespace epigrid::contact_tracing {

enum class Revised {
  kNothing,   // said before, or replaced by what is known
  kConflict,  // the same revision, another content
  kChanged,
};

// Takes the observation into the state, all but `day` and `stray_forget_time`.
Revised Revise(const v1::PresenceObservation& observation, state::v1::PresenceState& state);

// The end that stands for a check-in at `start`: the check-out's if it is a possible one, else what
// the check-in declared.
std::optional<Time> EndOf(const state::v1::PresenceState& state, Time start);

// Not reversed and not longer than kDeclaredStayMax.
bool IsPossibleEnd(Time start, Time end);

}  // namespace epigrid::contact_tracing
