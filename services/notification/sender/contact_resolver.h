// ContactResolver: where people can be reached now, asked at send time and kept nowhere.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/base/task.h"

namespace epigrid::notification {

// A contact point: an endpoint of the operator's, and what it calls the person. Personal data:
// never logged.
struct ContactPoint {
  std::string endpoint;
  std::string address;
};

struct ResolvedContact {
  // OK, or why not: NOT_FOUND (PERSON_UNKNOWN), FAILED_PRECONDITION (PERSON_ERASED), or what else
  // identity says of this person alone.
  Status status;
  std::vector<ContactPoint> contact_points;  // in the order in which they are to be tried
  std::string language;                      // of who is reached there: "zh" or "en"
  bool guardian_answers = false;             // the contact points are the guardian's
};

inline constexpr size_t kPeoplePerResolveMax = 1000;

class ContactResolver {
 public:
  virtual ~ContactResolver() = default;
  // One for each of at most kPeoplePerResolveMax ids, in their order; or why nobody could be asked,
  // of which anything is worth another try. Threads: called, and set, on the thread of the sender's
  // scheduler.
  virtual Future<Result<std::vector<ResolvedContact>>> Resolve(
      std::vector<std::string> person_ids) = 0;
};

}  // namespace epigrid::notification
