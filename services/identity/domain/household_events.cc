#include "services/identity/domain/household_events.h"

#include "common/base/proto_time.h"
#include "epigrid/identity/state/v1/state.pb.h"
#include "services/identity/domain/identity_fold.h"
#include "services/identity/view/keys.h"

namespace epigrid::identity {
namespace {

using events::v1::HouseholdUpdateRequested;
using events::v1::MembershipStated;
using state::v1::StoredHousehold;
using state::v1::StoredMembership;

bool SameInterval(const StoredMembership& a, const StoredMembership& b) {
  return FromProto(a.from_time()) == FromProto(b.from_time()) &&
         FromProto(a.until_time()) == FromProto(b.until_time());
}

// The membership that an event states; nullopt: none.
template <typename Statement>
std::optional<StoredMembership> MembershipIn(const Statement& statement, Offset version) {
  if (!statement.has_from_time()) return std::nullopt;
  StoredMembership membership;
  *membership.mutable_from_time() = statement.from_time();
  if (statement.has_until_time()) *membership.mutable_until_time() = statement.until_time();
  membership.set_version(version);
  return membership;
}

// Writes one side of a membership; answers whether anything changed.
bool StoreMembership(const std::string& key, const std::string& member,
                     const std::optional<StoredMembership>& membership, Cells& cells) {
  const auto before = cells.GetMemberProto<StoredMembership>(key, member);
  if (!membership) {
    if (!before) return false;
    cells.DeleteMember(key, member);
    return true;
  }
  if (before && SameInterval(*before, *membership)) return false;
  cells.SetMemberProto(key, member, *membership);
  return true;
}

}  // namespace

void NeedsOfHousehold(const HouseholdUpdateRequested& requested, NeedSet& needs) {
  needs.String(keys::Household(requested.household_id()));
  if (!requested.person_id().empty()) needs.Members(keys::Members(requested.household_id()));
}

void ApplyHousehold(const HouseholdUpdateRequested& requested, Cells& cells, Context& context) {
  const std::string household_key = keys::Household(requested.household_id());
  const std::string members_key = keys::Members(requested.household_id());
  const std::string& person_id = requested.person_id();
  const auto membership = MembershipIn(requested, context.offset);
  if (!person_id.empty() && membership) {
    const auto& members = cells.GetMembers(members_key);
    if (!members.contains(person_id) && members.size() >= kHouseholdMembersMax) {
      context.Answer({FailedPrecondition("HOUSEHOLD_FULL",
                                         "the household has as many members as one can have (200)"),
                      ""});
      return;
    }
  }
  const auto before = cells.GetProto<StoredHousehold>(household_key);
  StoredHousehold household = before.value_or(StoredHousehold());
  if (!requested.region_code().empty()) household.set_region_code(requested.region_code());
  const bool members_changed =
      !person_id.empty() && StoreMembership(members_key, person_id, membership, cells);
  if (!before || members_changed || before->region_code() != household.region_code()) {
    household.set_version(context.offset);
    cells.SetProto(household_key, household);
  }
  if (!members_changed) return;
  Event event;
  MembershipStated& stated = *event.mutable_membership_stated();
  stated.set_household_id(requested.household_id());
  stated.set_person_id(person_id);
  if (membership) *stated.mutable_from_time() = membership->from_time();
  if (membership && membership->has_until_time()) {
    *stated.mutable_until_time() = membership->until_time();
  }
  context.EmitToInbox(person_id, std::move(event));
}

void NeedsOfMembership(const MembershipStated& stated, NeedSet& needs) {
  needs.Member(keys::Memberships(stated.person_id()), stated.household_id());
}

void ApplyMembership(const MembershipStated& stated, Cells& cells, Context& context) {
  const auto membership = MembershipIn(stated, context.offset);
  if (!StoreMembership(keys::Memberships(stated.person_id()), stated.household_id(), membership,
                       cells)) {
    return;
  }
  Event event;
  auto& changed = *event.mutable_membership_changed();
  changed.set_household_id(stated.household_id());
  changed.set_person_id(stated.person_id());
  if (membership) *changed.mutable_from_time() = membership->from_time();
  if (membership && membership->has_until_time()) {
    *changed.mutable_until_time() = membership->until_time();
  }
  changed.set_version(context.offset);
  context.Publish(std::string(kMembershipTopic), stated.person_id(), std::move(event));
}

}  // namespace epigrid::identity
