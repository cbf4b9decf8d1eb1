#include "services/identity/domain/identity_fold.h"

#include "services/identity/domain/household_events.h"
#include "services/identity/domain/person_events.h"
#include "services/identity/domain/sealed_content.h"

namespace epigrid::identity {

std::string IdentityFold::Route(const Event& /*foreign*/) const { return ""; }

std::vector<std::string> IdentityFold::publications() const {
  return {std::string(kPersonTopic), std::string(kMembershipTopic)};
}

std::vector<std::string> IdentityFold::Entities(const Event& event) const {
  switch (event.kind_case()) {
    case Event::kRegistrationRequested:
      return {event.registration_requested().proposed_person_id()};
    case Event::kPersonRegistered: return {event.person_registered().person_id()};
    case Event::kPersonUpdateRequested: return {event.person_update_requested().person_id()};
    case Event::kHouseholdUpdateRequested:
      return {event.household_update_requested().household_id()};
    case Event::kMembershipStated: return {event.membership_stated().person_id()};
    case Event::kDependantStated: return {event.dependant_stated().guardian_person_id()};
    case Event::kGuardianStated: return {event.guardian_stated().dependant_person_id()};
    case Event::kLostClaimsSettled:
      return {event.lost_claims_settled().proposed_person_ids().begin(),
              event.lost_claims_settled().proposed_person_ids().end()};
    default: return {};
  }
}

Task<Status> IdentityFold::Prepare(std::vector<Event*> events) const {
  return PrepareEvents(*keys_, claim_key_, std::move(events));
}

void IdentityFold::Needs(const Event& event, const CellReader& /*cells*/, NeedSet& needs) const {
  switch (event.kind_case()) {
    case Event::kRegistrationRequested:
      return NeedsOfRegistration(event.registration_requested(), needs);
    case Event::kPersonRegistered:
      return NeedsOfPerson(event.person_registered().person_id(), needs);
    case Event::kPersonUpdateRequested:
      return NeedsOfPerson(event.person_update_requested().person_id(), needs);
    case Event::kHouseholdUpdateRequested:
      return NeedsOfHousehold(event.household_update_requested(), needs);
    case Event::kMembershipStated: return NeedsOfMembership(event.membership_stated(), needs);
    case Event::kDependantStated:
      return NeedsOfPerson(event.dependant_stated().guardian_person_id(), needs);
    case Event::kGuardianStated:
      return NeedsOfPerson(event.guardian_stated().dependant_person_id(), needs);
    case Event::kLostClaimsSettled: return NeedsOfSettled(event.lost_claims_settled(), needs);
    default: return;
  }
}

void IdentityFold::Apply(const Event& event, Cells& cells, Context& context) const {
  switch (event.kind_case()) {
    case Event::kRegistrationRequested:
      return ApplyRegistration(event.registration_requested(), cells, context);
    case Event::kPersonRegistered:
      return ApplyRegistered(event.person_registered(), cells, context);
    case Event::kPersonUpdateRequested:
      return ApplyUpdate(event.person_update_requested(), cells, context);
    case Event::kHouseholdUpdateRequested:
      return ApplyHousehold(event.household_update_requested(), cells, context);
    case Event::kMembershipStated:
      return ApplyMembership(event.membership_stated(), cells, context);
    case Event::kDependantStated:
      return ApplyDependantStated(event.dependant_stated(), cells, context);
    case Event::kGuardianStated:
      return ApplyGuardianStated(event.guardian_stated(), cells, context);
    case Event::kLostClaimsSettled:
      return ApplySettled(event.lost_claims_settled(), cells, context);
    case Event::kConfigured: return;  // nothing in this fold is configured
    default: context.Ignore("EVENT_NOT_OF_THIS_SERVICE");
  }
}

std::string IdentityFold::TimerEntity(const Timer& /*timer*/) const {
  EPIGRID_CHECK(false, "identity arms no timers");
}

void IdentityFold::TimerNeeds(const Timer& /*timer*/, const CellReader& /*cells*/,
                              NeedSet& /*needs*/) const {
  EPIGRID_CHECK(false, "identity arms no timers");
}

void IdentityFold::FireTimer(const Timer& /*timer*/, Cells& /*cells*/, Context& /*context*/) const {
  EPIGRID_CHECK(false, "identity arms no timers");
}

}  // namespace epigrid::identity
