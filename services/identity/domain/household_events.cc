#include "services/identity/domain/household_events.h"

#include <algorithm>

#include "common/base/proto_time.h"
#include "epigrid/identity/state/v1/state.pb.h"
#include "services/identity/domain/identity_fold.h"
#include "services/identity/view/keys.h"

namespace epigrid::identity {
namespace {

using events::v1::HouseholdUpdateRequested;
using events::v1::Interval;
using events::v1::MembershipStated;
using state::v1::StoredHousehold;
using state::v1::StoredMembership;
using Stays = google::protobuf::RepeatedPtrField<Interval>;

Time From(const Interval& stay) { return FromProto(stay.from_time()); }
Time Until(const Interval& stay) {
  return stay.has_until_time() ? FromProto(stay.until_time()) : kEndOfTime;
}

// The time in which a command is decided; before its first tick a shard has none.
Time NowOf(const Context& context) { return std::max(context.shard_time, context.recorded_at); }

bool SameStays(const Stays& a, const Stays& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
    return From(one) == From(other) && Until(one) == Until(other);
  });
}

// The stay that is told goes among the others, in place of the one that began at the same time.
Status AddStay(const HouseholdUpdateRequested& requested, Stays& stays) {
  Interval told;
  *told.mutable_from_time() = requested.from_time();
  if (requested.has_until_time()) *told.mutable_until_time() = requested.until_time();
  auto at = std::find_if(stays.begin(), stays.end(),
                         [&](const Interval& stay) { return From(stay) >= From(told); });
  const bool known = at != stays.end() && From(*at) == From(told);
  const auto after = known ? at + 1 : at;
  if ((at != stays.begin() && Until(*(at - 1)) > From(told)) ||
      (after != stays.end() && From(*after) < Until(told))) {
    return FailedPrecondition("MEMBERSHIP_OVERLAPS",
                              "another stay of the person in this household overlaps: tell first "
                              "when that one ended, or take all back and tell them anew")
        .With("field", "from_time");
  }
  if (known) {
    *at = std::move(told);
    return OkStatus();
  }
  if (stays.size() >= kStaysPerMembershipMax) {
    return FailedPrecondition("MEMBERSHIPS_TOO_MANY",
                              "the person has as many stays in this household as one can (64)");
  }
  const auto index = at - stays.begin();
  *stays.Add() = std::move(told);
  std::rotate(stays.begin() + index, stays.end() - 1, stays.end());
  return OkStatus();
}

// When the last of a person's stays ends; they are in order and do not overlap.
Time Leaves(const Stays& stays) { return Until(*stays.rbegin()); }

// Makes room in a household for a person who is to have these stays. `members` holds all others.
Status MakeRoom(const std::string& members_key, const std::string& person_id, const Stays& stays,
                Time now, Cells& cells) {
  const auto& members = cells.GetMembers(members_key);
  size_t others = 0;
  std::string first_to_leave;
  Time first_left = kEndOfTime;
  for (const auto& [other, bytes] : members) {
    if (other == person_id) continue;
    const Time leaves = Leaves(CellReader::ParseProto<StoredMembership>(&bytes)->intervals());
    if (leaves > now) {
      ++others;
    } else if (leaves < first_left) {
      first_left = leaves;
      first_to_leave = other;
    }
  }
  if (Leaves(stays) > now && others >= kHouseholdMembersMax) {
    return FailedPrecondition("HOUSEHOLD_FULL",
                              "as many people live in the household as can in one (200)");
  }
  if (!members.contains(person_id) && members.size() >= kHouseholdMembersKept) {
    cells.DeleteMember(members_key, first_to_leave);
  }
  return OkStatus();
}

// Writes one side of a membership; answers whether anything changed.
bool StoreMembership(const std::string& key, const std::string& member, const Stays& stays,
                     Offset version, Cells& cells) {
  const auto before = cells.GetMemberProto<StoredMembership>(key, member);
  if (SameStays(before.value_or(StoredMembership()).intervals(), stays)) return false;
  if (stays.empty()) {
    cells.DeleteMember(key, member);
    return true;
  }
  StoredMembership membership;
  *membership.mutable_intervals() = stays;
  membership.set_version(version);
  cells.SetMemberProto(key, member, membership);
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
  Stays stays;
  if (!person_id.empty() && requested.has_from_time()) {
    const auto known = cells.GetMemberProto<StoredMembership>(members_key, person_id);
    if (known) stays = known->intervals();
    Status status = AddStay(requested, stays);
    if (status.ok()) status = MakeRoom(members_key, person_id, stays, NowOf(context), cells);
    if (!status.ok()) return context.Answer({std::move(status), ""});
  }
  const auto before = cells.GetProto<StoredHousehold>(household_key);
  StoredHousehold household = before.value_or(StoredHousehold());
  if (!requested.region_code().empty()) household.set_region_code(requested.region_code());
  const bool members_changed =
      !person_id.empty() && StoreMembership(members_key, person_id, stays, context.offset, cells);
  if (!before || members_changed || before->region_code() != household.region_code()) {
    household.set_version(context.offset);
    cells.SetProto(household_key, household);
  }
  // Whom the household has let go of may still have it among the own ones, and take that back.
  const bool takes_back = !person_id.empty() && stays.empty();
  if (!members_changed && !takes_back) return;
  Event event;
  MembershipStated& stated = *event.mutable_membership_stated();
  stated.set_household_id(requested.household_id());
  stated.set_person_id(person_id);
  *stated.mutable_intervals() = std::move(stays);
  context.EmitToInbox(person_id, std::move(event));
}

void NeedsOfMembership(const MembershipStated& stated, NeedSet& needs) {
  needs.Member(keys::Memberships(stated.person_id()), stated.household_id());
}

void ApplyMembership(const MembershipStated& stated, Cells& cells, Context& context) {
  if (!StoreMembership(keys::Memberships(stated.person_id()), stated.household_id(),
                       stated.intervals(), context.offset, cells)) {
    return;
  }
  Event event;
  auto& changed = *event.mutable_membership_changed();
  changed.set_household_id(stated.household_id());
  changed.set_person_id(stated.person_id());
  *changed.mutable_intervals() = stated.intervals();
  changed.set_version(context.offset);
  context.Publish(std::string(kMembershipTopic), stated.person_id(), std::move(event));
}

}  // namespace epigrid::identity
