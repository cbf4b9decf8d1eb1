// The settings of the contact_tracing service: how long presence is kept, and what a case's window
// is.
#pragma once

#include "common/config/config.h"
#include "epigrid/contact_tracing/state/v1/state.pb.h"
#include "services/contact_tracing/domain/policy.h"

namespace epigrid::contact_tracing {

struct Config {
  std::string time_zone = "Asia/Shanghai";
  uint32_t retention_days = 14;
  uint32_t retention_ceiling_days = 28;
  uint32_t window_days = 2;
  uint32_t usual_stay_minutes = 120;
  uint32_t stay_cap_hours = 12;
  uint32_t stay_minutes_min = 10;
  uint32_t reinfection_days = 60;

  // Declares the settings contact_tracing.* and the rules between them.
  void AddTo(ConfigSpec& spec);
  // What the fold reads.
  state::v1::TracingConfiguration Configuration() const;
  // The same, read; valid once the settings are.
  TracingPolicy Policy() const;
};

}  // namespace epigrid::contact_tracing
