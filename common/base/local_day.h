// TimeZone: local days in the zone of a policy, and times as people write them.
//
//   EPIGRID_ASSIGN_OR_RETURN(TimeZone zone, TimeZone::Load("Asia/Shanghai"));
//   int32_t day = zone.LocalDay(now);          // days since 1970-01-01, in the zone
//   Time end = zone.StartOfDay(day + 1);
//
// A local day lasts from one local midnight to the next: 23 or 25 hours where clocks are changed.
// Values may be copied and used from any thread.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace epigrid {

class TimeZone {
 public:
  // By IANA name, from the machine's tz database. INVALID_ARGUMENT TIME_ZONE_UNKNOWN.
  static Result<TimeZone> Load(std::string_view name);

  const std::string& name() const { return name_; }
  int32_t LocalDay(Time time) const;
  // The first instant of the day: midnight, or where clocks skip midnight, the instant at which
  // they do.
  Time StartOfDay(int32_t day) const;

 private:
  TimeZone(std::string name, absl::TimeZone zone);

  std::string name_;
  absl::TimeZone zone_;
  // From this time on the offset to UTC never changes (kEndOfTime: it always may): most zones of
  // today, and there the arithmetic is a division.
  Time fixed_from_ = kEndOfTime;
  int64_t fixed_offset_micros_ = 0;
};

// "2010-10-23T04:05:06Z", with the digits of the fraction that are not zero at the end:
// "2010-10-23T04:05:06.5Z".
std::string FormatRfc3339(Time time);

// Years 0001 to 9999, any offset, any number of digits of fraction (what is below a microsecond is
// cut off). INVALID_ARGUMENT TIME_MALFORMED.
Result<Time> ParseRfc3339(std::string_view text);

}  // namespace epigrid
