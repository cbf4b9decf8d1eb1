// How much evidence is kept of one person. All of it is read whenever anything about the person
// comes, so a daily declaration or test must not make that dearer for years.
#pragma once

#include <map>
#include <string>

#include "epigrid/health_code/state/v1/state.pb.h"

namespace epigrid::health_code {

inline constexpr size_t kDeclarationsMax = 64;
inline constexpr size_t kEvidenceMax = 1024;

// Which of the person's evidence is to go now that `added` is among it; empty: none. The oldest
// declaration beyond kDeclarationsMax; beyond kEvidenceMax the oldest test that was not positive,
// or what was withdrawn longest ago. Positive tests, orders, transfers and discharges never go: if
// there is nothing else, `added` does.
std::string EvidenceToLetGo(const std::map<std::string, state::v1::StoredEvidence>& evidence,
                            const std::string& added);

}  // namespace epigrid::health_code
