// W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a call belongs to.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace epigrid {

// The header "traceparent", version 00: "00-<32 hex trace id>-<16 hex span id>-<2 hex flags>".
class TraceParent {
 public:
  // No trace yet.
  TraceParent() : text_{} {}
  // The caller's trace with a span of ours, or a new trace if the header is absent or malformed.
  // The three numbers are random.
  TraceParent(std::string_view header, uint64_t random_high, uint64_t random_low,
              uint64_t random_span);

  std::string_view header() const { return {text_.data(), text_.size()}; }
  std::string_view trace_id() const { return header().substr(3, 32); }

  static bool IsValid(std::string_view header);

 private:
  std::array<char, 55> text_;
};

// Sixteen lower-case hexadecimal digits.
void WriteHex(uint64_t value, char* out);

}  // namespace epigrid
