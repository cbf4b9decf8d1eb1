#include "services/health_code/config.h"

#include "common/base/local_day.h"
#include "services/health_code/domain/built_in_policy.h"

namespace epigrid::health_code {

void Config::AddTo(ConfigSpec& spec) {
  spec.Add(&time_zone, "health_code.time_zone", "IANA name of the zone of the policy's local days");
  spec.Add(&close_red_days, "health_code.close_red_days",
           "a close contact is red through this day after the last exposure")
      .Range(0, kCloseDaysMax);
  spec.Add(&close_yellow_days, "health_code.close_yellow_days",
           "a close contact is yellow through this day after the last exposure, and until a "
           "negative sampled on or after it")
      .Range(0, kCloseDaysMax);
  spec.Add(&place_negatives_gap_hours, "health_code.place_negatives_gap_hours",
           "hours between the samplings of the two negatives that clear a place exposure")
      .Range(1, kPlaceNegativesGapHoursMax);
  spec.Add(&evidence_age_days_max, "health_code.evidence_age_days_max",
           "evidence of what happened longer ago is refused, since cases' windows reach back from "
           "it; at least as long as presence is kept and two infections lie apart")
      .Range(1, 1000);
  spec.AddCheck({"health_code.time_zone"}, [this]() -> std::string {
    const Result<TimeZone> zone = TimeZone::Load(time_zone);
    return zone.ok() ? "" : "health_code.time_zone: " + zone.status().message();
  });
  spec.AddCheck({"health_code.close_red_days", "health_code.close_yellow_days"},
                [this]() -> std::string {
                  if (close_yellow_days >= close_red_days) return "";
                  return "health_code.close_yellow_days must be at least close_red_days: yellow "
                         "follows red";
                });
}

state::v1::PolicyConfiguration Config::Policy() const {
  state::v1::PolicyConfiguration policy;
  policy.set_time_zone(time_zone);
  policy.set_close_red_days(close_red_days);
  policy.set_close_yellow_days(close_yellow_days);
  policy.set_place_negatives_gap_hours(place_negatives_gap_hours);
  return policy;
}

}  // namespace epigrid::health_code
