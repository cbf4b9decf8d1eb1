// The settings of the health_code service: the numbers of the built-in policy, and what evidence is
// taken in.
#pragma once

#include "common/config/config.h"
#include "epigrid/health_code/state/v1/state.pb.h"

namespace epigrid::health_code {

struct Config {
  std::string time_zone = "Asia/Shanghai";
  uint32_t close_red_days = 7;
  uint32_t close_yellow_days = 10;
  uint32_t place_negatives_gap_hours = 24;

  // Of the API alone.
  uint32_t evidence_age_days_max = 60;

  // Declares the settings health_code.* and the rules between them.
  void AddTo(ConfigSpec& spec);
  // What the fold reads.
  state::v1::PolicyConfiguration Policy() const;
};

}  // namespace epigrid::health_code
