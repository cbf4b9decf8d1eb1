// WorkClass: what goes first when there is more to do than can be done.
//
// A method says which class its work is of (MethodOptions::work), and the caller's class may put it
// lower, never higher:
//
//   caller \ method   critical      interactive   bulk
//   GATE, AGENCY      critical      interactive   bulk
//   RESIDENT          interactive   interactive   bulk
//   BULK              bulk          bulk          bulk
//   OPERATOR          critical      critical      critical: operators must get in when all else is full
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/rpc/callers.h"

namespace epigrid {

enum class WorkClass : uint8_t {
  kCritical,     // gate checks, case reports, tests, warnings
  kInteractive,  // somebody waits for the answer
  kBulk,         // imports and batches
};
inline constexpr size_t kWorkClassCount = 3;

// "critical", "interactive", "bulk".
std::string_view WorkClassName(WorkClass work);

WorkClass WorkClassOf(WorkClass of_method, CallerClass caller_class);

}  // namespace epigrid
