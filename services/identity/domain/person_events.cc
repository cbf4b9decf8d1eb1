#include "services/identity/domain/person_events.h"

#include "common/base/hex.h"
#include "common/base/proto_time.h"
#include "services/identity/domain/identity_fold.h"
#include "services/identity/domain/sealed_content.h"
#include "services/identity/view/keys.h"

namespace epigrid::identity {
namespace {

using events::v1::PersonRegistered;
using state::v1::Claim;
using state::v1::PreparedBox;
using state::v1::RegistrationContent;
using state::v1::RegistrationOutcome;
using state::v1::StoredPerson;
using state::v1::UpdateContent;

// A box was sealed by this project, so that what opens also parses.
template <typename Content>
Content ContentOf(const PreparedBox& box) {
  Content content;
  EPIGRID_CHECK(content.ParseFromString(box.content()), "what was sealed is of another kind");
  return content;
}

// Why a box that is not open cannot be decided on.
Status WhyClosed(const PreparedBox& box) {
  if (box.state() == PreparedBox::STATE_ERASED) {
    return FailedPrecondition("PERSON_ERASED", "the personal data of this person was erased");
  }
  return {Code::kDataLoss, "SEALED_BOX_TAMPERED",
          "the personal data of this request cannot be read: it was changed on its way"};
}

bool IsReachable(const StoredPerson& person) {
  return person.has_contact_points() ||
         (!person.guardian_person_id().empty() && person.guardian_reachable());
}

// Stores a person as changed by this event, publishes what others may know of it if that is other
// than before, and tells the dependants whether their guardian can be reached.
class PersonChange {
 public:
  PersonChange(const std::string& person_id, const Cells& cells)
      : person_id_(person_id),
        before_(cells.GetProto<StoredPerson>(keys::Person(person_id)).value_or(StoredPerson())),
        person(before_) {}

  void Finish(Cells& cells, Context& context) {
    if (person.SerializeAsString() == before_.SerializeAsString()) return;
    person.set_version(context.offset);
    cells.SetProto(keys::Person(person_id_), person);
    if (person.registered() && IsNews()) Publish(context);
    if (person.has_contact_points() != before_.has_contact_points()) {
      for (const auto& [dependant, unused] : cells.GetMembers(keys::Dependants(person_id_))) {
        Event event;
        auto& stated = *event.mutable_guardian_stated();
        stated.set_dependant_person_id(dependant);
        stated.set_guardian_person_id(person_id_);
        stated.set_reachable(person.has_contact_points());
        context.EmitToInbox(dependant, std::move(event));
      }
    }
  }

 private:
  bool IsNews() const {
    return !before_.registered() || before_.language() != person.language() ||
           before_.guardian_person_id() != person.guardian_person_id() ||
           IsReachable(before_) != IsReachable(person);
  }

  void Publish(Context& context) const {
    Event event;
    auto& changed = *event.mutable_person_changed();
    changed.set_person_id(person_id_);
    changed.set_version(context.offset);
    changed.set_language(person.language());
    changed.set_guardian_person_id(person.guardian_person_id());
    changed.set_reachable(IsReachable(person));
    context.Publish(std::string(kPersonTopic), person_id_, std::move(event));
  }

  const std::string person_id_;
  const StoredPerson before_;

 public:
  StoredPerson person;
};

void StateDependant(const std::string& guardian, const std::string& dependant, bool answers,
                    Context& context) {
  if (guardian.empty()) return;
  Event event;
  auto& stated = *event.mutable_dependant_stated();
  stated.set_guardian_person_id(guardian);
  stated.set_dependant_person_id(dependant);
  stated.set_answers(answers);
  context.EmitToInbox(guardian, std::move(event));
}

void ChangeGuardian(const std::string& person_id, const std::string& guardian, StoredPerson& person,
                    Context& context) {
  if (person.guardian_person_id() == guardian) return;
  StateDependant(person.guardian_person_id(), person_id, false, context);
  StateDependant(guardian, person_id, true, context);
  person.set_guardian_person_id(guardian);
  person.set_guardian_reachable(false);  // until the guardian's shard says otherwise
}

}  // namespace

void NeedsOfRegistration(const events::v1::RegistrationRequested& requested, NeedSet& needs) {
  const PreparedBox box = PreparedBoxOf(requested.sealed_claim());
  if (box.state() != PreparedBox::STATE_OPENED) return;
  needs.String(keys::Claim(ToHex(box.content())));
  needs.String(keys::LostClaim(requested.proposed_person_id()));
}

void ApplyRegistration(const events::v1::RegistrationRequested& requested, Cells& cells,
                       Context& context) {
  const PreparedBox box = PreparedBoxOf(requested.sealed_claim());
  if (box.state() != PreparedBox::STATE_OPENED) {
    const Status why = WhyClosed(box);
    context.Ignore(why.reason());
    context.Answer({why, ""});
    return;
  }
  const std::string claim_key = keys::Claim(ToHex(box.content()));
  std::optional<Claim> claim = cells.GetProto<Claim>(claim_key);
  RegistrationOutcome outcome;
  outcome.set_created(!claim.has_value());
  outcome.set_person_id(claim ? claim->person_id() : requested.proposed_person_id());
  if (outcome.created()) {
    claim.emplace().set_person_id(requested.proposed_person_id());
    cells.SetProto(claim_key, *claim);
    Event event;
    auto& registered = *event.mutable_person_registered();
    registered.set_person_id(requested.proposed_person_id());
    registered.set_sealed_registration(requested.sealed_registration());
    context.EmitToInbox(requested.proposed_person_id(), std::move(event));
  } else if (claim->person_id() != requested.proposed_person_id()) {
    const std::string lost_key = keys::LostClaim(requested.proposed_person_id());
    if (cells.Get(lost_key) == nullptr) {
      cells.Set(lost_key, "");
      cells.AddToIndex(keys::kLostClaims, requested.proposed_person_id());
    }
  }
  context.Answer({OkStatus(), outcome.SerializeAsString()});
}

void NeedsOfSettled(const events::v1::LostClaimsSettled& settled, NeedSet& needs) {
  for (const std::string& id : settled.proposed_person_ids()) needs.String(keys::LostClaim(id));
}

void ApplySettled(const events::v1::LostClaimsSettled& settled, Cells& cells, Context& context) {
  if (settled.proposed_person_ids_size() > kLostClaimsPerEventMax) {
    return context.Ignore("EVENT_MALFORMED");
  }
  for (const std::string& id : settled.proposed_person_ids()) {
    const std::string lost_key = keys::LostClaim(id);
    if (cells.Get(lost_key) == nullptr) continue;  // another instance was faster
    cells.Delete(lost_key);
    cells.RemoveFromIndex(keys::kLostClaims, id);
  }
}

void NeedsOfPerson(const std::string& person_id, NeedSet& needs) {
  needs.String(keys::Person(person_id));
  needs.Members(keys::Dependants(person_id));
}

void ApplyRegistered(const PersonRegistered& registered, Cells& cells, Context& context) {
  PersonChange change(registered.person_id(), cells);
  if (change.person.registered()) {
    context.Ignore("PERSON_ALREADY_REGISTERED");
    return;
  }
  const PreparedBox box = PreparedBoxOf(registered.sealed_registration());
  StoredPerson& person = change.person;
  person.set_registered(true);
  *person.mutable_registered_time() = ToProto(context.recorded_at);
  person.set_sealed_registration(box.sealed());
  if (box.state() == PreparedBox::STATE_OPENED) {
    const auto content = ContentOf<RegistrationContent>(box);
    // An update may have come first, from another shard: it is the newer one.
    if (person.language().empty()) person.set_language(content.language());
    if (person.sealed_contact_update().empty()) {
      person.set_has_contact_points(content.contact_points_size() > 0);
    }
  } else {
    context.Ignore(WhyClosed(box).reason());
  }
  change.Finish(cells, context);
}

void ApplyUpdate(const events::v1::PersonUpdateRequested& requested, Cells& cells,
                 Context& context) {
  const PreparedBox box = PreparedBoxOf(requested.sealed_update());
  if (box.state() != PreparedBox::STATE_OPENED) {
    const Status why = WhyClosed(box);
    context.Ignore(why.reason());
    context.Answer({why, ""});
    return;
  }
  const auto content = ContentOf<UpdateContent>(box);
  const std::string& guardian = content.guardian_person_id();
  if (!guardian.empty() &&
      cells.GetMembers(keys::Dependants(requested.person_id())).contains(guardian)) {
    context.Answer({FailedPrecondition("GUARDIAN_IS_DEPENDANT",
                                       "the guardian is a dependant of this person; end that first")
                        .With("field", "guardian_person_id"),
                    ""});
    return;
  }
  PersonChange change(requested.person_id(), cells);
  if (content.replace_contact_points()) {
    change.person.set_sealed_contact_update(box.sealed());
    change.person.set_has_contact_points(content.contact_points_size() > 0);
  }
  if (!content.language().empty()) change.person.set_language(content.language());
  if (!guardian.empty() || content.remove_guardian()) {
    ChangeGuardian(requested.person_id(), guardian, change.person, context);
  }
  change.Finish(cells, context);
}

void ApplyGuardianStated(const events::v1::GuardianStated& stated, Cells& cells, Context& context) {
  PersonChange change(stated.dependant_person_id(), cells);
  if (change.person.guardian_person_id() != stated.guardian_person_id()) {
    context.Ignore("GUARDIAN_REPLACED");
    return;
  }
  change.person.set_guardian_reachable(stated.reachable());
  change.Finish(cells, context);
}

void ApplyDependantStated(const events::v1::DependantStated& stated, Cells& cells,
                          Context& context) {
  const std::string key = keys::Dependants(stated.guardian_person_id());
  const auto& dependants = cells.GetMembers(key);
  const bool known = dependants.contains(stated.dependant_person_id());
  if (!stated.answers()) {
    if (known) cells.DeleteMember(key, stated.dependant_person_id());
    return;
  }
  if (!known && dependants.size() >= kDependantsMax) {
    context.Ignore("DEPENDANTS_TOO_MANY");
    return;
  }
  if (!known) cells.SetMember(key, stated.dependant_person_id(), "");
  const auto guardian = cells.GetProto<StoredPerson>(keys::Person(stated.guardian_person_id()));
  Event event;
  auto& answer = *event.mutable_guardian_stated();
  answer.set_dependant_person_id(stated.dependant_person_id());
  answer.set_guardian_person_id(stated.guardian_person_id());
  answer.set_reachable(guardian && guardian->has_contact_points());
  context.EmitToInbox(stated.dependant_person_id(), std::move(event));
}

}  // namespace epigrid::identity
