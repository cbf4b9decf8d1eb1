#include "services/health_code/domain/built_in_policy.h"

#include <algorithm>

namespace epigrid::health_code {

state::v1::PolicyConfiguration DefaultPolicyConfiguration() {
  state::v1::PolicyConfiguration configuration;
  configuration.set_time_zone("Asia/Shanghai");
  configuration.set_close_red_days(7);
  configuration.set_close_yellow_days(10);
  configuration.set_place_negatives_gap_hours(24);
  return configuration;
}

bool IsValid(const state::v1::PolicyConfiguration& configuration) {
  return configuration.close_red_days() <= configuration.close_yellow_days() &&
         configuration.close_yellow_days() <= kCloseDaysMax &&
         configuration.place_negatives_gap_hours() >= 1 &&
         configuration.place_negatives_gap_hours() <= kPlaceNegativesGapHoursMax &&
         TimeZone::Load(configuration.time_zone()).ok();
}

BuiltInPolicy::BuiltInPolicy(state::v1::PolicyConfiguration configuration, TimeZone zone)
    : configuration_(std::move(configuration)), zone_(std::move(zone)) {}

std::vector<Hold> BuiltInPolicy::Holds(const PersonFacts& facts) const {
  std::vector<Hold> holds;
  for (const CaseFact& fact : facts.cases) {
    holds.push_back({.rule = "CASE",
                     .evidence = fact.case_id,
                     .from = fact.since,
                     .until = kEndOfTime,
                     .colour = v1::COLOUR_RED,
                     .measure = v1::MEASURE_CENTRAL,
                     .cleared_by = "AUTHORITY",
                     .cleared_from = {}});
  }
  for (const ExposureFact& exposure : facts.exposures) {
    if (exposure.close) {
      AddCloseContact(exposure, facts.negatives, holds);
    } else {
      AddPlaceExposure(exposure, facts.negatives, holds);
    }
  }
  return holds;
}

void BuiltInPolicy::AddCloseContact(const ExposureFact& exposure,
                                    const std::vector<NegativeFact>& negatives,
                                    std::vector<Hold>& holds) const {
  Hold red{.rule = "CLOSE_CONTACT",
           .evidence = exposure.case_id,
           .from = exposure.first,
           .until = kEndOfTime,
           .colour = v1::COLOUR_RED,
           .measure = v1::MEASURE_CENTRAL,
           .cleared_by = "SEPARATION",
           .cleared_from = {}};
  if (exposure.ongoing) {
    holds.push_back(std::move(red));
    return;
  }
  // Of the last day on which they were together: `last` itself is excluded.
  const int32_t day_zero = zone_.LocalDay(exposure.last - Duration(1));
  red.until = EndOfDay(day_zero + static_cast<int32_t>(configuration_.close_red_days()));
  red.cleared_by = "TIME";

  const int32_t last_day = day_zero + static_cast<int32_t>(configuration_.close_yellow_days());
  const Time last_day_begins = zone_.StartOfDay(last_day);
  Time cleared = kEndOfTime;
  for (const NegativeFact& negative : negatives) {
    if (negative.sampled >= last_day_begins) cleared = std::min(cleared, negative.reported);
  }
  Hold yellow = red;
  yellow.from = red.until;
  yellow.until = std::max(EndOfDay(last_day), cleared);
  yellow.colour = v1::COLOUR_YELLOW;
  yellow.measure = v1::MEASURE_HOME;
  yellow.cleared_by = "NEGATIVE_ON_OR_AFTER";
  yellow.cleared_from = last_day_begins;
  holds.push_back(std::move(red));
  holds.push_back(std::move(yellow));
}

void BuiltInPolicy::AddPlaceExposure(const ExposureFact& exposure,
                                     const std::vector<NegativeFact>& negatives,
                                     std::vector<Hold>& holds) const {
  const Duration gap = std::chrono::hours(configuration_.place_negatives_gap_hours());
  // Of the negatives sampled early enough before each one, the first reported makes the pair that
  // clears first.
  Time cleared = kEndOfTime;
  Time first_reported = kEndOfTime;
  auto early = negatives.begin();
  for (const NegativeFact& later : negatives) {
    if (exposure.ongoing) break;
    for (; early != negatives.end() && later.sampled - early->sampled >= gap; ++early) {
      if (early->sampled > exposure.last)
        first_reported = std::min(first_reported, early->reported);
    }
    cleared = std::min(cleared, std::max(first_reported, later.reported));
  }
  holds.push_back({.rule = "PLACE_EXPOSURE",
                   .evidence = exposure.case_id,
                   .from = exposure.first,
                   .until = cleared,
                   .colour = v1::COLOUR_YELLOW,
                   .measure = v1::MEASURE_HEALTH_MONITORING,
                   .cleared_by = "TWO_NEGATIVES_24H_APART",
                   .cleared_from = exposure.last});
}

Time BuiltInPolicy::EndOfDay(int32_t day) const { return zone_.StartOfDay(day + 1); }

}  // namespace epigrid::health_code
