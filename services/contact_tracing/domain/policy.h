// TracingPolicy: the numbers that the rules of contact tracing depend on, read from the service's
// configuration. Every shard gets it as a Configured record, so that the fold is a function of the
// log.
//
//   EPIGRID_ASSIGN_OR_RETURN(TracingPolicy policy, TracingPolicy::From(configuration));
//   if (policy.IsPast(day, shard_time)) ...
#pragma once

#include <cstdint>
#include <limits>

#include "common/base/clock.h"
#include "common/base/local_day.h"
#include "common/base/status.h"
#include "epigrid/contact_tracing/state/v1/state.pb.h"

namespace epigrid::contact_tracing {

struct TracingPolicy {
  TimeZone zone;
  int32_t retention_days = 14;
  int32_t window_days = 2;
  Duration usual_stay = std::chrono::hours(2);
  Duration stay_cap = std::chrono::hours(12);
  Duration stay_min = std::chrono::minutes(10);
  Duration reinfection = std::chrono::hours(24 * 60);

  // Fields that are not set keep their defaults. INVALID_ARGUMENT TRACING_CONFIGURATION_INVALID or
  // TIME_ZONE_UNKNOWN says what to mend.
  static Result<TracingPolicy> From(const state::v1::TracingConfiguration& configuration);

  // Presence that began on a past day is not taken in any more: the day ended more than
  // `retention_days` ago. Until it is forgotten, what is there is matched as before, and still
  // changes with the day after. Before the first tick nothing is past.
  bool IsPast(int32_t day, Time shard_time) const { return day <= LastPastDay(shard_time); }
  // The last day that is past.
  int32_t LastPastDay(Time shard_time) const {
    return shard_time.is_set() ? zone.LocalDay(shard_time) - retention_days - 1
                               : std::numeric_limits<int32_t>::min();
  }
  // When what began on the day is forgotten: a day after it is past, because stays reach over
  // midnight and the first day that is not past needs them.
  Time ForgetAt(int32_t day) const { return zone.StartOfDay(day + retention_days + 2); }
  // The last day that is to be forgotten by now.
  int32_t LastForgottenDay(Time shard_time) const {
    return shard_time.is_set() ? LastPastDay(shard_time) - 1 : LastPastDay(shard_time);
  }
};

// No declared stay is longer.
inline constexpr Duration kDeclaredStayMax = std::chrono::hours(24);
// How far ahead the person's next check-in is looked for.
inline constexpr Duration kNextStartMax = std::chrono::hours(12);

}  // namespace epigrid::contact_tracing
