#include "services/identity/view/person_directory.h"

#include "services/identity/domain/sealed_content.h"
#include "services/identity/view/keys.h"

namespace epigrid::identity {
namespace {

using state::v1::Claim;
using state::v1::RegistrationContent;
using state::v1::StoredHousehold;
using state::v1::StoredMembership;
using state::v1::StoredPerson;
using state::v1::UpdateContent;
using Members = std::map<std::string, std::string>;

Status PersonUnknown() {
  return NotFound("PERSON_UNKNOWN", "there is no person with this id: register the person first");
}

// Cells are written by this project: what does not parse is damage.
template <typename Proto>
Result<Proto> Parse(const std::string& bytes) {
  Proto proto;
  if (proto.ParseFromString(bytes)) return proto;
  return Status(Code::kDataLoss, "CELL_MALFORMED",
                "what is stored cannot be read: rebuild the view");
}

Result<SecretKey> KeyIn(const PersonKey& key) {
  if (key.state == PersonKey::State::kPresent) return key.key;
  return FailedPrecondition("PERSON_ERASED", "the personal data of this person was erased");
}

Result<std::vector<v1::ContactPoint>> OpenContactPoints(const std::string& person_id,
                                                        const StoredPerson& stored,
                                                        const SecretKey& key) {
  if (!stored.sealed_contact_update().empty()) {
    EPIGRID_ASSIGN_OR_RETURN(const UpdateContent update,
                             OpenUpdate(key, person_id, stored.sealed_contact_update()));
    return std::vector<v1::ContactPoint>(update.contact_points().begin(),
                                         update.contact_points().end());
  }
  EPIGRID_ASSIGN_OR_RETURN(const RegistrationContent registration,
                           OpenRegistration(key, person_id, stored.sealed_registration()));
  return std::vector<v1::ContactPoint>(registration.contact_points().begin(),
                                       registration.contact_points().end());
}

// One for each stay of the person in the household.
Status AddMemberships(const std::string& household_id, const std::string& person_id,
                      const std::string& bytes,
                      google::protobuf::RepeatedPtrField<v1::Membership>& memberships) {
  EPIGRID_ASSIGN_OR_RETURN(const StoredMembership stored, Parse<StoredMembership>(bytes));
  for (const events::v1::Interval& stay : stored.intervals()) {
    v1::Membership& membership = *memberships.Add();
    membership.set_household_id(household_id);
    membership.set_person_id(person_id);
    *membership.mutable_from_time() = stay.from_time();
    if (stay.has_until_time()) *membership.mutable_until_time() = stay.until_time();
  }
  return OkStatus();
}

Result<v1::Person> BuildPerson(const std::string& person_id, const StoredPerson& stored,
                               const SecretKey& key, const Members& memberships,
                               const Members& dependants) {
  v1::Person person;
  person.set_person_id(person_id);
  EPIGRID_ASSIGN_OR_RETURN(const RegistrationContent content,
                           OpenRegistration(key, person_id, stored.sealed_registration()));
  person.set_document_type(content.document().type());
  person.set_name(content.name());
  person.set_birth_date(content.birth_date());
  person.set_language(stored.language());
  EPIGRID_ASSIGN_OR_RETURN(const std::vector<v1::ContactPoint> points,
                           OpenContactPoints(person_id, stored, key));
  for (const v1::ContactPoint& point : points) *person.add_contact_points() = point;
  person.set_guardian_person_id(stored.guardian_person_id());
  for (const auto& [dependant, unused] : dependants) person.add_dependant_person_ids(dependant);
  for (const auto& [household, bytes] : memberships) {
    EPIGRID_RETURN_IF_ERROR(
        AddMemberships(household, person_id, bytes, *person.mutable_memberships()));
  }
  *person.mutable_registered_time() = stored.registered_time();
  return person;
}

Reachability BuildReachability(const std::string& person_id, const StoredPerson& stored,
                               const PersonKey& person_key) {
  Reachability reachability;
  reachability.language = stored.language();
  Result<SecretKey> key = KeyIn(person_key);
  if (!key.ok()) {
    reachability.status = key.status();
    return reachability;
  }
  Result<std::vector<v1::ContactPoint>> points = OpenContactPoints(person_id, stored, *key);
  if (points.ok()) {
    reachability.contact_points = *std::move(points);
  } else {
    reachability.status = points.status();
  }
  return reachability;
}

}  // namespace

Task<PersonDirectory::StoredPeople> PersonDirectory::Load(
    std::vector<std::string> person_ids) const {
  std::vector<CellAddress> addresses;
  addresses.reserve(person_ids.size());
  for (const std::string& person_id : person_ids) {
    addresses.push_back({person_id, keys::Person(person_id)});
  }
  const auto cells = co_await cells_.GetMany(std::move(addresses));
  StoredPeople people;
  people.reserve(cells.size());
  for (const Result<std::optional<std::string>>& cell : cells) {
    if (!cell.ok()) {
      people.emplace_back(cell.status());
    } else if (!cell->has_value()) {
      people.emplace_back(PersonUnknown());
    } else {
      Result<StoredPerson> stored = Parse<StoredPerson>(**cell);
      people.push_back(stored.ok() && !stored->registered() ? Result<StoredPerson>(PersonUnknown())
                                                            : std::move(stored));
    }
  }
  co_return people;
}

Task<Result<v1::Person>> PersonDirectory::GetPerson(std::string person_id) const {
  // All under way at once.
  Future<Result<Members>> memberships =
      Run(cells_.GetMembers(person_id, keys::Memberships(person_id)));
  Future<Result<Members>> dependants =
      Run(cells_.GetMembers(person_id, keys::Dependants(person_id)));
  Future<Result<std::vector<PersonKey>>> person_keys = Run(keys_.GetKeys({person_id}));
  const StoredPeople stored = co_await Load({person_id});
  if (!stored[0].ok()) co_return stored[0].status();
  EPIGRID_CO_ASSIGN_OR_RETURN(const Members found_memberships, co_await memberships);
  EPIGRID_CO_ASSIGN_OR_RETURN(const Members found_dependants, co_await dependants);
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<PersonKey> found_keys, co_await person_keys);
  EPIGRID_CO_ASSIGN_OR_RETURN(const SecretKey key, KeyIn(found_keys[0]));
  co_return BuildPerson(person_id, *stored[0], key, found_memberships, found_dependants);
}

Task<Result<v1::Household>> PersonDirectory::GetHousehold(std::string household_id) const {
  Future<Result<Members>> members =
      Run(cells_.GetMembers(household_id, keys::Members(household_id)));
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                              co_await cells_.Get(household_id, keys::Household(household_id)));
  if (!bytes) {
    co_return NotFound("HOUSEHOLD_UNKNOWN", "there is no household with this id");
  }
  EPIGRID_CO_ASSIGN_OR_RETURN(const Members found, co_await members);
  EPIGRID_CO_ASSIGN_OR_RETURN(const StoredHousehold stored, Parse<StoredHousehold>(*bytes));
  v1::Household household;
  household.set_household_id(household_id);
  household.set_region_code(stored.region_code());
  for (const auto& [person_id, membership] : found) {
    EPIGRID_CO_RETURN_IF_ERROR(
        AddMemberships(household_id, person_id, membership, *household.mutable_members()));
  }
  co_return household;
}

Task<std::vector<Reachability>> PersonDirectory::Reach(std::vector<std::string> person_ids) const {
  std::vector<Reachability> reached(person_ids.size());
  const StoredPeople people = co_await Load(person_ids);
  // Whose contact points count for each: the person's or the guardian's.
  std::vector<std::string> guardian_ids;
  std::vector<size_t> with_guardian;
  for (size_t i = 0; i < people.size(); ++i) {
    if (!people[i].ok() || people[i]->has_contact_points()) continue;
    if (people[i]->guardian_person_id().empty()) continue;
    with_guardian.push_back(i);
    guardian_ids.push_back(people[i]->guardian_person_id());
  }
  StoredPeople guardians;
  if (!guardian_ids.empty()) guardians = co_await Load(guardian_ids);

  std::vector<const Result<StoredPerson>*> whose(people.size());
  for (size_t i = 0; i < people.size(); ++i) whose[i] = &people[i];
  for (size_t n = 0; n < with_guardian.size(); ++n) {
    // A guardian who is not registered (yet) has no contact points, but is no reason to refuse.
    if (!guardians[n].ok() && guardians[n].status().code() == Code::kNotFound) continue;
    whose[with_guardian[n]] = &guardians[n];
    person_ids[with_guardian[n]] = guardian_ids[n];
  }
  const Result<std::vector<PersonKey>> found = co_await keys_.GetKeys(person_ids);
  for (size_t i = 0; i < reached.size(); ++i) {
    if (!whose[i]->ok()) {
      reached[i].status = whose[i]->status();
    } else if (!found.ok()) {
      reached[i].status = found.status();
    } else if (whose[i] != &people[i] && (*found)[i].state != PersonKey::State::kPresent) {
      reached[i].language = people[i]->language();  // of the guardian nothing is known any more
    } else {
      reached[i] = BuildReachability(person_ids[i], **whose[i], (*found)[i]);
      reached[i].guardian_answers = whose[i] != &people[i];
    }
  }
  co_return reached;
}

Task<std::vector<std::string>> PersonDirectory::FindClaims(std::vector<CellAddress> claims) const {
  const auto cells = co_await cells_.GetMany(std::move(claims));
  std::vector<std::string> person_ids;
  person_ids.reserve(cells.size());
  for (const Result<std::optional<std::string>>& cell : cells) {
    Claim claim;
    const bool known = cell.ok() && cell->has_value() && claim.ParseFromString(**cell);
    person_ids.push_back(known ? claim.person_id() : "");
  }
  co_return person_ids;
}

}  // namespace epigrid::identity
