// Names of the identity service's cells. A person's cells live in the shard of the person's id, a
// household's in that of its id, a document's in the shard of its keyed hash.
#pragma once

#include <string>
#include <string_view>

namespace epigrid::identity::keys {

// Claim: who has the document with this keyed hash, in hexadecimal.
inline std::string Claim(std::string_view document_hash_hex) {
  return std::string("claim:").append(document_hash_hex);
}
// StoredPerson.
inline std::string Person(std::string_view person_id) {
  return std::string("person:").append(person_id);
}
// Members: an empty value by the id of each dependant.
inline std::string Dependants(std::string_view guardian_person_id) {
  return std::string("dependants:").append(guardian_person_id);
}
// Members: StoredMembership by household id, in the person's shard.
inline std::string Memberships(std::string_view person_id) {
  return std::string("memberships:").append(person_id);
}
// StoredHousehold.
inline std::string Household(std::string_view household_id) {
  return std::string("household:").append(household_id);
}
// Members: StoredMembership by person id, in the household's shard.
inline std::string Members(std::string_view household_id) {
  return std::string("members:").append(household_id);
}
// Stands while the key of a proposed person who lost a claim has to be erased.
inline std::string LostClaim(std::string_view proposed_person_id) {
  return std::string("lost_claim:").append(proposed_person_id);
}
// Index of those, one for each shard.
inline const std::string kLostClaims = "lost_claims";

}  // namespace epigrid::identity::keys
