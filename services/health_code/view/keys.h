// Names of the health_code service's cells. A person's cells live in the shard of the person's id.
#pragma once

#include <string>
#include <string_view>

#include "common/base/hex.h"
#include "epigrid/events/v1/health_code_events.pb.h"

namespace epigrid::health_code::keys {

// StoredCode: what GetCode reads. Absent: green, nothing is known.
inline std::string Code(std::string_view person_id) {
  return std::string("code:").append(person_id);
}
// Members: StoredEvidence by "<source>/<source id>".
inline std::string Evidence(std::string_view person_id) {
  return std::string("evidence:").append(person_id);
}
// Members: the ExposureChanged that was last received, by case id; none that are taken back.
inline std::string Exposures(std::string_view person_id) {
  return std::string("exposures:").append(person_id);
}
// Members: the CaseChanged that was last received, by case id; none that are excluded.
inline std::string Cases(std::string_view person_id) {
  return std::string("cases:").append(person_id);
}
// Whose case it is: of every case that was ever heard of. In the case's shard, which is its
// person's.
inline std::string KnownCase(std::string_view case_id) {
  return std::string("known-case:").append(case_id);
}
// The IsolationChanged that was last published.
inline std::string Isolation(std::string_view person_id) {
  return std::string("isolation:").append(person_id);
}
// PolicyConfiguration in force.
inline const std::string kConfiguration = "configuration";
// Timer: the next entry of the code's timeline begins.
inline constexpr std::string_view kCodeTimerPrefix = "code:";
inline std::string CodeTimer(std::string_view person_id) { return Code(person_id); }
// Timer: an order rests on a case that nobody has heard of yet.
// "basis:<the BasisNamed in hexadecimal digits>", whatever the names in it hold.
inline constexpr std::string_view kBasisTimerPrefix = "basis:";
inline std::string BasisTimer(const events::v1::BasisNamed& named) {
  return std::string(kBasisTimerPrefix) + ToHex(named.SerializeAsString());
}

}  // namespace epigrid::health_code::keys
