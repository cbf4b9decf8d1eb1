// PersonDirectory: what queries read of people and households, with sealed boxes opened.
//
//   Result<v1::Person> person = co_await directory.GetPerson(person_id);
//
// Errors: NOT_FOUND PERSON_UNKNOWN or HOUSEHOLD_UNKNOWN; FAILED_PRECONDITION PERSON_ERASED;
// UNAVAILABLE as common/projector/cell_query.h and common/crypto/key_store.h say; DATA_LOSS where a
// box does not open.
//
// Threads: any; Tasks go on on the loops of what they wait for.
#pragma once

#include <string>
#include <vector>

#include "common/base/task.h"
#include "common/crypto/key_store.h"
#include "common/projector/cell_query.h"
#include "epigrid/identity/state/v1/state.pb.h"
#include "epigrid/identity/v1/identity.pb.h"

namespace epigrid::identity {

// Where one person can be reached, or why that is not known.
struct Reachability {
  Status status;
  std::vector<v1::ContactPoint> contact_points;
  std::string language;           // of who is reached there
  bool guardian_answers = false;  // the contact points are the guardian's
};

class PersonDirectory {
 public:
  // Both outlive it.
  PersonDirectory(const CellQuery& cells, KeyStore& keys) : cells_(cells), keys_(keys) {}

  Task<Result<v1::Person>> GetPerson(std::string person_id) const;
  Task<Result<v1::Household>> GetHousehold(std::string household_id) const;
  // One for each id, in their order: a dependant without contact points of their own at the
  // guardian's.
  Task<std::vector<Reachability>> Reach(std::vector<std::string> person_ids) const;
  // Who has each document, by its keyed hash in hexadecimal and the entity of its shard; empty:
  // nobody yet, or not known now.
  Task<std::vector<std::string>> FindClaims(std::vector<CellAddress> claims) const;

 private:
  using StoredPeople = std::vector<Result<state::v1::StoredPerson>>;
  Task<StoredPeople> Load(std::vector<std::string> person_ids) const;

  const CellQuery& cells_;
  KeyStore& keys_;
};

}  // namespace epigrid::identity
