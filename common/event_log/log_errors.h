// What the implementations of EventLog say in the same words. Not for use outside of this
// directory.
#pragma once

#include <string_view>

#include "common/base/status.h"

namespace epigrid {

// UNAVAILABLE LOG_UNAVAILABLE, saying what the client or the server said. For calls that may simply
// be made again.
Status LogUnavailable(std::string_view detail);
// UNAVAILABLE OUTCOME_UNKNOWN of an Append.
Status AppendUnknown(std::string_view detail);

}  // namespace epigrid
