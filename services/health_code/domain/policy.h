// Policy: which colour and measure a person's facts give, when, and why. Pure: facts in, holds out.
//
// A Hold is one reason, over one span of time, why a code is not green. The code at any time is the
// gravest of the holds that cover it (timeline.h). Holds depend on facts alone, not on the present:
// so the same facts give the same timeline, in whatever order they came, and a read needs no rule.
//
//   std::vector<Hold> holds = policy.Holds(facts);
#pragma once

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "epigrid/health_code/v1/health_code.pb.h"

namespace epigrid::health_code {

// A case that is not excluded.
struct CaseFact {
  std::string case_id;
  Time since;  // sampling of the first positive, else onset
};

// One class of a person's exposure to one case.
struct ExposureFact {
  std::string case_id;
  bool close = false;    // else at an implicated place only
  bool ongoing = false;  // they live together still; `last` is unset
  Time first;            // included
  Time last;             // excluded
};

// A sampling of which every valid specimen was negative.
struct NegativeFact {
  Time sampled;
  Time reported;  // nothing is cleared before
};

struct PersonFacts {
  std::vector<CaseFact> cases;          // by case id
  std::vector<ExposureFact> exposures;  // by case id
  std::vector<NegativeFact> negatives;  // by sampled time
};

struct Hold {
  std::string rule;
  std::string evidence;  // case id
  Time from;             // included
  Time until;            // excluded; kEndOfTime: until it is cleared
  v1::Colour colour = v1::COLOUR_UNSPECIFIED;
  v1::Measure measure = v1::MEASURE_UNSPECIFIED;
  std::string cleared_by;
  Time cleared_from;  // unset: does not apply
};

class Policy {
 public:
  virtual ~Policy() = default;
  virtual std::vector<Hold> Holds(const PersonFacts& facts) const = 0;
};

}  // namespace epigrid::health_code
