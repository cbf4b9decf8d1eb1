#include "services/contact_tracing/domain/policy.h"

namespace epigrid::contact_tracing {
namespace {

Status CheckRange(uint32_t value, uint32_t from, uint32_t to, std::string_view field) {
  if (value >= from && value <= to) return OkStatus();
  return InvalidArgument("TRACING_CONFIGURATION_INVALID",
                         std::string(field) + " must be " + std::to_string(from) + " to " +
                             std::to_string(to) + ", not " + std::to_string(value))
      .With("field", std::string(field));
}

}  // namespace

Result<TracingPolicy> TracingPolicy::From(const state::v1::TracingConfiguration& configuration) {
  const std::string& name = configuration.time_zone();
  EPIGRID_ASSIGN_OR_RETURN(TimeZone zone, TimeZone::Load(name.empty() ? "Asia/Shanghai" : name));
  TracingPolicy policy{.zone = zone};
  if (const uint32_t days = configuration.retention_days(); days != 0) {
    EPIGRID_RETURN_IF_ERROR(CheckRange(days, 1, 600, "retention_days"));
    policy.retention_days = static_cast<int32_t>(days);
  }
  if (configuration.has_window_days()) {
    EPIGRID_RETURN_IF_ERROR(CheckRange(configuration.window_days(), 0, 30, "window_days"));
    policy.window_days = static_cast<int32_t>(configuration.window_days());
  }
  if (const uint32_t minutes = configuration.usual_stay_minutes(); minutes != 0) {
    EPIGRID_RETURN_IF_ERROR(CheckRange(minutes, 10, 720, "usual_stay_minutes"));
    policy.usual_stay = std::chrono::minutes(minutes);
  }
  if (const uint32_t hours = configuration.stay_cap_hours(); hours != 0) {
    EPIGRID_RETURN_IF_ERROR(CheckRange(hours, 1, 24, "stay_cap_hours"));
    policy.stay_cap = std::chrono::hours(hours);
  }
  if (configuration.has_stay_minutes_min()) {
    EPIGRID_RETURN_IF_ERROR(
        CheckRange(configuration.stay_minutes_min(), 0, 120, "stay_minutes_min"));
    policy.stay_min = std::chrono::minutes(configuration.stay_minutes_min());
  }
  if (const uint32_t days = configuration.reinfection_days(); days != 0) {
    EPIGRID_RETURN_IF_ERROR(CheckRange(days, 1, 365, "reinfection_days"));
    policy.reinfection = std::chrono::hours(24 * days);
  }
  return policy;
}

}  // namespace epigrid::contact_tracing
