#include "common/rpc/trace.h"

#include <algorithm>

namespace epigrid {
namespace {

bool IsLowerHex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool IsZero(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '0'; });
}

}  // namespace

void WriteHex(uint64_t value, char* out) {
  for (int i = 15; i >= 0; --i, value >>= 4) out[i] = "0123456789abcdef"[value & 15];
}

bool TraceParent::IsValid(std::string_view header) {
  return header.size() == 55 && header.starts_with("00-") && header[35] == '-' &&
         header[52] == '-' && IsLowerHex(header.substr(3, 32)) &&
         IsLowerHex(header.substr(36, 16)) && IsLowerHex(header.substr(53, 2)) &&
         !IsZero(header.substr(3, 32)) && !IsZero(header.substr(36, 16));
}

TraceParent::TraceParent(std::string_view header, uint64_t random_high, uint64_t random_low,
                         uint64_t random_span) {
  if (IsValid(header)) {
    std::ranges::copy(header, text_.begin());
  } else {
    constexpr std::string_view kUnsampled =
        "00-................................-................-00";
    std::ranges::copy(kUnsampled, text_.begin());
    WriteHex(random_high, &text_[3]);
    WriteHex(random_low | 1, &text_[19]);  // an id of zeros is invalid
  }
  WriteHex(random_span | 1, &text_[36]);
}

}  // namespace epigrid
