#include "services/contact_tracing/config.h"

namespace epigrid::contact_tracing {

void Config::AddTo(ConfigSpec& spec) {
  spec.Add(&time_zone, "contact_tracing.time_zone", "IANA name of the zone of local days");
  spec.Add(&retention_days, "contact_tracing.retention_days",
           "presence is taken in and kept for so many days back")
      .Range(1, 600);
  spec.Add(&retention_ceiling_days, "contact_tracing.retention_ceiling_days",
           "what retention_days may not exceed, whoever sets it")
      .Range(1, 600);
  spec.Add(&window_days, "contact_tracing.window_days",
           "a case's window begins so many days before the earlier of onset and sampling")
      .Range(0, 30);
  spec.Add(&usual_stay_minutes, "contact_tracing.usual_stay_minutes",
           "how long people stay where the setting does not say, in minutes")
      .Range(10, 720);
  spec.Add(&stay_cap_hours, "contact_tracing.stay_cap_hours",
           "no stay without a declared end is longer, in hours")
      .Range(1, 24);
  spec.Add(&stay_minutes_min, "contact_tracing.stay_minutes_min",
           "shorter stays are dropped, in minutes")
      .Range(0, 120);
  spec.Add(&reinfection_days, "contact_tracing.reinfection_days",
           "two infections of one person lie at least so many days apart")
      .Range(1, 365);
  spec.AddCheck({"contact_tracing.time_zone"}, [this]() -> std::string {
    const Result<TimeZone> zone = TimeZone::Load(time_zone);
    return zone.ok() ? "" : "contact_tracing.time_zone: " + zone.status().message();
  });
  spec.AddCheck({"contact_tracing.retention_days", "contact_tracing.retention_ceiling_days"},
                [this]() -> std::string {
                  if (retention_days <= retention_ceiling_days) return "";
                  return "contact_tracing.retention_days must not exceed retention_ceiling_days";
                });
}

state::v1::TracingConfiguration Config::Configuration() const {
  state::v1::TracingConfiguration configuration;
  configuration.set_time_zone(time_zone);
  configuration.set_retention_days(retention_days);
  configuration.set_window_days(window_days);
  configuration.set_usual_stay_minutes(usual_stay_minutes);
  configuration.set_stay_cap_hours(stay_cap_hours);
  configuration.set_stay_minutes_min(stay_minutes_min);
  configuration.set_reinfection_days(reinfection_days);
  return configuration;
}

TracingPolicy Config::Policy() const { return TracingPolicy::From(Configuration()).value(); }

}  // namespace epigrid::contact_tracing
