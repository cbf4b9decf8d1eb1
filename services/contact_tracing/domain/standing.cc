#include "services/contact_tracing/domain/standing.h"

#include <algorithm>

#include "services/contact_tracing/domain/case_pins.h"
#include "services/contact_tracing/domain/overlap.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

using events::v1::IsolationChanged;
using events::v1::MembershipChanged;
using state::v1::Membership;
using state::v1::TracedPerson;

void NeedPerson(const std::string& person_id, const CellReader& cells, NeedSet& needs) {
  needs.String(keys::Person(person_id));
  if (!cells.HasString(keys::Person(person_id))) return;
  NeedCases(person_id, LoadPerson(cells, person_id), cells, needs);
}

Spans PresenceIn(const TracedPerson& person, const std::string& household_id) {
  for (const Membership& membership : person.memberships()) {
    if (membership.household_id() != household_id) continue;
    return Subtract(ToSpans(membership.intervals()), ToSpans(person.separations()));
  }
  return {};
}

void State(const std::string& person_id, const std::string& household_id, const Spans& spans,
           Work& work) {
  Event event;
  events::v1::StandingStated& stated = *event.mutable_standing_stated();
  stated.set_setting_id(household_id);
  stated.set_person_id(person_id);
  stated.set_category(v1::SETTING_CATEGORY_HOUSEHOLD);
  for (const Span& span : spans) *stated.add_intervals() = ToInterval(span);
  work.context.EmitToInbox(household_id, std::move(event));
}

void StateDifference(const std::string& person_id, const std::string& household_id,
                     const TracedPerson& before, const TracedPerson& after, Work& work) {
  const Spans spans = PresenceIn(after, household_id);
  if (spans != PresenceIn(before, household_id)) State(person_id, household_id, spans, work);
}

// When the person moved out for the last time; kEndOfTime: not yet.
Time LeftAt(const Membership& membership) { return ToSpan(*membership.intervals().rbegin()).until; }

bool IsPinned(const TracedPerson& person, const std::string& household_id,
              const CellReader& cells) {
  for (const std::string& case_id : person.case_ids()) {
    for (const auto& [number, slice] : ReadSlices(cells.GetMembers(keys::CasePins(case_id)))) {
      for (const state::v1::StoredPin& stored : slice.pins()) {
        if (stored.pin().setting_id() == household_id && !stored.pin().standing().empty()) {
          return true;
        }
      }
    }
  }
  return false;
}

// Makes room for another membership: lets go of the one that ended first, if that was on a past day
// and no case rests on it. What the household was told of it stays there.
bool LetGoOfOne(TracedPerson& person, const Work& work) {
  auto& memberships = *person.mutable_memberships();
  auto first = memberships.end();
  for (auto at = memberships.begin(); at != memberships.end(); ++at) {
    const Time until = LeftAt(*at);
    if (until == kEndOfTime ||
        !work.policy.IsPast(work.policy.zone.LocalDay(until), work.context.shard_time) ||
        IsPinned(person, at->household_id(), work.cells)) {
      continue;
    }
    if (first == memberships.end() || until < LeftAt(*first)) first = at;
  }
  if (first == memberships.end()) return false;
  memberships.erase(first);
  return true;
}

void Save(const std::string& person_id, const TracedPerson& before, const TracedPerson& after,
          Work& work) {
  if (before.SerializeAsString() == after.SerializeAsString()) return;
  work.cells.SetProto(keys::Person(person_id), after);
  RestateCases(person_id, after, work);
}

}  // namespace

void Needs(const MembershipChanged& changed, const CellReader& cells, NeedSet& needs) {
  NeedPerson(changed.person_id(), cells, needs);
}

void Apply(const MembershipChanged& changed, Work& work) {
  const TracedPerson before = LoadPerson(work.cells, changed.person_id());
  TracedPerson after = before;
  auto& memberships = *after.mutable_memberships();
  const auto at = std::find_if(memberships.begin(), memberships.end(), [&](const Membership& m) {
    return m.household_id() == changed.household_id();
  });
  const bool known = at != memberships.end();
  if (changed.intervals().empty()) {
    // One that was let go of still stands in its household.
    if (!known) return State(changed.person_id(), changed.household_id(), {}, work);
    memberships.erase(at);
  } else {
    if (!known && memberships.size() >= kMembershipsMax && !LetGoOfOne(after, work)) {
      return work.context.Ignore("MEMBERSHIP_LIMIT");
    }
    Membership& membership = known ? *at : *memberships.Add();
    membership.set_household_id(changed.household_id());
    *membership.mutable_intervals() = changed.intervals();
  }
  StateDifference(changed.person_id(), changed.household_id(), before, after, work);
  Save(changed.person_id(), before, after, work);
}

void Needs(const IsolationChanged& changed, const CellReader& cells, NeedSet& needs) {
  NeedPerson(changed.person_id(), cells, needs);
}

void Apply(const IsolationChanged& changed, Work& work) {
  const TracedPerson before = LoadPerson(work.cells, changed.person_id());
  TracedPerson after = before;
  *after.mutable_isolations() = changed.intervals();
  *after.mutable_separations() = changed.separations();
  for (const Membership& membership : before.memberships()) {
    StateDifference(changed.person_id(), membership.household_id(), before, after, work);
  }
  Save(changed.person_id(), before, after, work);
}

}  // namespace epigrid::contact_tracing
