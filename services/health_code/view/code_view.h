// From the stored code to the code that is shown.
#pragma once

#include <optional>
#include <string>

#include "common/base/clock.h"
#include "epigrid/health_code/state/v1/state.pb.h"
#include "epigrid/health_code/v1/health_code.pb.h"

namespace epigrid::health_code {

// The code at `as_of`, from the cell keys::Code; an absent cell is a person of whom nothing is
// known: green. Evaluates no rule: the timeline says what holds.
v1::Code CodeAsOf(const std::string& person_id, const std::optional<std::string>& cell, Time as_of);

// What is shown while the person's records cannot be folded: no statement, and nothing of what was
// known before.
v1::Code CodeUnderReview(const std::string& person_id, Time as_of);

}  // namespace epigrid::health_code
