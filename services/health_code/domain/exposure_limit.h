// How many exposures are kept of one person. All of them are read whenever anything about the
// person comes, and each may count again when a test is corrected, so that age alone lets none go.
#pragma once

#include <map>
#include <string>

#include "epigrid/events/v1/contact_tracing_events.pb.h"

namespace epigrid::health_code {

inline constexpr size_t kExposuresMax = 256;

// The case of which the exposure is to go now that there is another; empty: none. Of an implicated
// place rather than of a close contact, and of those which ended first: what clears the others has
// cleared it. One that goes on stays.
std::string ExposureToLetGo(const std::map<std::string, events::v1::ExposureChanged>& exposures);

}  // namespace epigrid::health_code
