#pragma once

#include <string>
#include <string_view>

namespace epigrid {

// A record's key as operators are shown it: bytes in the log, and an opaque id of ASCII letters
// unless a stranger wrote the record; what is no printable ASCII is written as "\x" and two digits.
std::string ShownKey(std::string_view key);

}  // namespace epigrid
