// The names that operators give in configuration: of callers, of agencies, of endpoints.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace epigrid {

inline constexpr size_t kConfiguredNameBytesMax = 63;

// 1 to 63 characters of a-z, 0-9 and '-'.
inline bool IsConfiguredName(std::string_view text) {
  return !text.empty() && text.size() <= kConfiguredNameBytesMax &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

}  // namespace epigrid
