// BuiltInPolicy: the rules that hold where no other policy is configured.
//
//   CASE            red, central, from the first positive's sampling (else onset) until the case is excluded
//   CLOSE_CONTACT   red, central, from the first exposure through day 7 after the last one; then yellow, at home,
//                   through day 10 and until a negative that was sampled on or after day 10 is reported. While the
//                   exposure goes on (they live together and nobody was moved out): red.
//   PLACE_EXPOSURE  yellow, health monitoring, from the first exposure until two negatives are reported that were both
//                   sampled after the last exposure, at least 24 h apart
//
// Days are local days of the configured zone: day 0 is the last one on which they were together (a
// contact that ends at midnight ends on the day before), "through day n" ends at 24:00 of day n
// (the CALENDAR clock of the 9th edition of the prevention and control plan, 28 June 2022, with 7
// days central and 3 at home). The numbers are PolicyConfiguration's.
#pragma once

#include "common/base/local_day.h"
#include "epigrid/health_code/state/v1/state.pb.h"
#include "services/health_code/domain/policy.h"

namespace epigrid::health_code {

inline constexpr uint32_t kCloseDaysMax = 60;
inline constexpr uint32_t kPlaceNegativesGapHoursMax = 336;

// What holds where a field of the configuration is not set.
state::v1::PolicyConfiguration DefaultPolicyConfiguration();
// Whether a policy can be made of it: every number in its range, and a zone that there is.
bool IsValid(const state::v1::PolicyConfiguration& configuration);

class BuiltInPolicy final : public Policy {
 public:
  // The configuration is valid.
  BuiltInPolicy(state::v1::PolicyConfiguration configuration, TimeZone zone);

  std::vector<Hold> Holds(const PersonFacts& facts) const override;

 private:
  void AddCloseContact(const ExposureFact& exposure, const std::vector<NegativeFact>& negatives,
                       std::vector<Hold>& holds) const;
  void AddPlaceExposure(const ExposureFact& exposure, const std::vector<NegativeFact>& negatives,
                        std::vector<Hold>& holds) const;
  // 24:00 of a local day.
  Time EndOfDay(int32_t day) const;

  const state::v1::PolicyConfiguration configuration_;
  const TimeZone zone_;
};

}  // namespace epigrid::health_code
