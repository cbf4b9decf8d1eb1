// Small things that commands print: times, ages, counts, tables. What comes from a server or a file
// goes through Printable, so that it cannot steer the terminal.
#pragma once

#include <absl/time/time.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace epigrid::ctl {

// Control characters and what is no UTF-8 as \xNN; all else as it is.
std::string Printable(std::string_view text);

// "2022-11-11T08:30:00+08:00"; "-" if it is not set.
std::string FormatLocalTime(Time time, const absl::TimeZone& zone);
// "350 ms", "2.1 s", "4 min 05 s", "3 h 12 min", "2 d 03 h".
std::string FormatAge(Duration age);
// "138,957"
std::string FormatCount(uint64_t count);
// "1 row", "12 rows"
std::string FormatCount(uint64_t count, std::string_view one, std::string_view many);

// "30s", "500ms", "1h30m". INVALID_ARGUMENT DURATION_MALFORMED, also if it is not positive.
Result<Duration> ParsePositiveDuration(std::string_view text);

// Columns as wide as their widest cell, two blanks between them; `right` names those that are
// aligned to the right by their index. The first row is the header.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows,
                        const std::vector<size_t>& right);

}  // namespace epigrid::ctl
