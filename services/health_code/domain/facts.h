// From what is stored of a person to the facts that a policy looks at.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "epigrid/events/v1/envelope.pb.h"
#include "epigrid/health_code/state/v1/state.pb.h"
#include "services/health_code/domain/policy.h"

namespace epigrid::health_code {

// Everything that is stored of one person.
struct StoredPerson {
  std::map<std::string, state::v1::StoredEvidence> evidence;     // by "<source>/<source id>"
  std::map<std::string, events::v1::ExposureChanged> exposures;  // by case id
  std::map<std::string, events::v1::CaseChanged> cases;          // by case id
};

PersonFacts FactsOf(const StoredPerson& person);

// When the person is kept apart, from isolation orders, transfers and discharges: an order from its
// start to its end, a transfer from its time on, each at most until the first discharge after it
// began. A central order and a transfer separate from the household too. Only the two interval
// lists and the person are set.
events::v1::IsolationChanged IsolationOf(const std::string& person_id, const StoredPerson& person);

}  // namespace epigrid::health_code
