// The names of endpoints: what an operator calls a way out of the system, and what people's contact
// points name.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace epigrid {

inline constexpr size_t kEndpointNameBytesMax = 63;

// 1 to 63 characters of a-z, 0-9 and '-'.
inline bool IsEndpointName(std::string_view text) {
  return !text.empty() && text.size() <= kEndpointNameBytesMax &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

}  // namespace epigrid
