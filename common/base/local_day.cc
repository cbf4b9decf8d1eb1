#include "common/base/local_day.h"

#include <absl/strings/string_view.h>
#include <absl/time/civil_time.h>

namespace epigrid {
namespace {

constexpr int64_t kMicrosPerDay = int64_t{24} * 3600 * 1'000'000;

// Debian's absl::string_view is a type of its own.
absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Holds the text to the shape "dddd-dd-ddTdd:dd:dd", fraction or none, "Z" or "+dd:dd": absl is
// more generous than RFC 3339 (blanks, years of any length, names for infinity).
bool HasShapeOfRfc3339(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  const auto matches = [](std::string_view part, std::string_view shape) {
    if (part.size() != shape.size()) return false;
    for (size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] == '0' ? !IsDigit(part[i]) : part[i] != shape[i]) return false;
    }
    return true;
  };
  if (text.size() <= kShape.size() || !matches(text.substr(0, kShape.size()), kShape)) return false;
  text.remove_prefix(kShape.size());
  if (text.front() == '.') {
    size_t end = 1;
    while (end < text.size() && IsDigit(text[end])) ++end;
    if (end == 1) return false;
    text.remove_prefix(end);
  }
  return text == "Z" || matches(text, "+00:00") || matches(text, "-00:00");
}

}  // namespace

TimeZone::TimeZone(std::string name, absl::TimeZone zone) : name_(std::move(name)), zone_(zone) {
  absl::TimeZone::CivilTransition last;
  if (!zone_.PrevTransition(absl::InfiniteFuture(), &last)) {
    fixed_from_ = Time{INT64_MIN};
    fixed_offset_micros_ = int64_t{zone_.At(absl::UnixEpoch()).offset} * 1'000'000;
    return;
  }
  // A zone that changes its clocks every year has its last change centuries from now: it stays on
  // the slow path.
  const absl::Time from = zone_.At(last.to).trans;
  fixed_from_ = Time{absl::ToUnixMicros(from)};
  fixed_offset_micros_ = int64_t{zone_.At(from).offset} * 1'000'000;
}

Result<TimeZone> TimeZone::Load(std::string_view name) {
  absl::TimeZone zone;
  // The empty name would be UTC to absl.
  if (name.empty() || !absl::LoadTimeZone(ToAbsl(name), &zone)) {
    return InvalidArgument("TIME_ZONE_UNKNOWN",
                           "'" + std::string(name) +
                               "' is not a time zone of this machine; names are those of the IANA "
                               "database (package tzdata), for example Asia/Shanghai");
  }
  return TimeZone(std::string(name), zone);
}

int32_t TimeZone::LocalDay(Time time) const {
  if (time >= fixed_from_) {
    return static_cast<int32_t>(FloorDivide(time.micros + fixed_offset_micros_, kMicrosPerDay));
  }
  const absl::CivilDay day(zone_.At(absl::FromUnixMicros(time.micros)).cs);
  return static_cast<int32_t>(day - absl::CivilDay(1970, 1, 1));
}

Time TimeZone::StartOfDay(int32_t day) const {
  // The midnight before the last change of offset may lie on the other side of it.
  const Time start{day * kMicrosPerDay - fixed_offset_micros_};
  if (fixed_from_ != kEndOfTime && start >= fixed_from_) return start;
  const absl::CivilSecond midnight(absl::CivilDay(1970, 1, 1) + day);
  return Time{absl::ToUnixMicros(absl::FromCivil(midnight, zone_))};
}

std::string FormatRfc3339(Time time) {
  return absl::FormatTime("%E4Y-%m-%d%ET%H:%M:%E*SZ", absl::FromUnixMicros(time.micros),
                          absl::UTCTimeZone());
}

Result<Time> ParseRfc3339(std::string_view text) {
  absl::Time time;
  std::string error;
  if (!HasShapeOfRfc3339(text) ||
      !absl::ParseTime(absl::RFC3339_full, ToAbsl(text), &time, &error) ||
      text.starts_with("0000")) {
    return InvalidArgument("TIME_MALFORMED",
                           "a time is written as in RFC 3339, for example 2010-10-23T04:05:06Z");
  }
  return Time{absl::ToUnixMicros(time)};
}

}  // namespace epigrid
