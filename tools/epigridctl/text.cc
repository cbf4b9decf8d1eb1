#include "tools/epigridctl/text.h"

#include <fmt/format.h>
#include <unicode/utf8.h>

#include <algorithm>

namespace epigrid::ctl {
namespace {

// Characters, not bytes; wide ones count once, which is near enough for a table of ids and numbers.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t i = 0; i < size;) {
    const int32_t begin = i;
    UChar32 c;
    U8_NEXT(bytes, i, size, c);
    const bool control = c < 0x20 || (c >= 0x7F && c <= 0x9F);  // also -1: no UTF-8
    const bool reorders = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
    for (int32_t at = begin; at < i; ++at) {
      if (control || reorders) {
        printable += fmt::format("\\x{:02X}", bytes[at]);
      } else {
        printable += text[static_cast<size_t>(at)];
      }
    }
  }
  return printable;
}

std::string FormatLocalTime(Time time, const absl::TimeZone& zone) {
  if (!time.is_set()) return "-";
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*S%Ez", absl::FromUnixMicros(time.micros), zone);
}

std::string FormatAge(Duration age) {
  const int64_t millis = age.count() / 1000;
  const int64_t seconds = millis / 1000;
  if (seconds < 1) return fmt::format("{} ms", millis);
  if (seconds < 60) return fmt::format("{}.{} s", seconds, millis % 1000 / 100);
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{} h {:02} min", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{} d {:02} h", seconds / 86400, seconds % 86400 / 3600);
}

std::string FormatCount(uint64_t count) {
  std::string digits = fmt::to_string(count);
  for (size_t place = digits.size(); place > 3;) {
    place -= 3;
    digits.insert(place, ",");
  }
  return digits;
}

std::string FormatCount(uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", FormatCount(count), count == 1 ? one : many);
}

Result<Duration> ParsePositiveDuration(std::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration({text.data(), text.size()}, &duration) ||
      duration < absl::Milliseconds(1) || duration > absl::Hours(24 * 365)) {
    return InvalidArgument("DURATION_MALFORMED", "a duration is written as 500ms, 30s or 1h30m");
  }
  return Duration(absl::ToInt64Microseconds(duration));
}

std::string FormatTable(const std::vector<std::vector<std::string>>& rows,
                        const std::vector<size_t>& right) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - Width(row[i]), ' ');
      const bool to_the_right = std::ranges::find(right, i) != right.end();
      if (i > 0) line += "  ";
      line += to_the_right ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace epigrid::ctl
