// Days as the fold reads them from events.
#pragma once

#include <cstdint>

namespace epigrid::contact_tracing {

// Of the years 0001 to 9999, as FromProto has times. The API makes no others, so that only a record
// that did not come through it holds one.
inline bool IsDay(int32_t day) { return day >= -719'163 && day <= 2'932'898; }

}  // namespace epigrid::contact_tracing
