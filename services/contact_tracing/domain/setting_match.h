// What a case and one other person share in one setting. Pure.
//
//   PinnedPresence index = Pinned(policy, rule, pin);
//   MatchStated match = Match(policy, rule, pin, index, guest, forgotten);   // no days: nothing
//
// Stays are closed, dropped when short, and united per person; what both share is clipped to the
// pin's window, split by local day and counted in whole minutes; a day without a whole minute does
// not count. So does the stay of one, a visitor, with the standing presence of the other. Where
// both stand, the days on which both are there count, with 0 minutes; while it goes on, `ongoing`
// is set, there is no last time, and of its days only the first is listed.
//
// Stays of forgotten days are gone: what was counted there before stays as it was, as long as the
// day is in the window, and on the day after them it does not become less.
#pragma once

#include <string>
#include <vector>

#include "epigrid/contact_tracing/state/v1/state.pb.h"
#include "epigrid/events/v1/contact_tracing_events.pb.h"
#include "services/contact_tracing/domain/overlap.h"
#include "services/contact_tracing/domain/policy.h"

namespace epigrid::contact_tracing {

struct SettingRule {
  bool known = false;  // stays of a setting that was never made known wait until it is
  contact_tracing::v1::SettingCategory category = v1::SETTING_CATEGORY_UNSPECIFIED;
  StayRule stays;
};
// A household is known by its id, whether it was ever made known as a setting or not.
SettingRule RuleOf(const TracingPolicy& policy, const std::string& setting_id,
                   const state::v1::TracedSetting& setting);
// The last day of which stays in the setting are neither taken in nor searched any more.
int32_t ForgottenDay(const TracingPolicy& policy, const state::v1::TracedSetting& setting,
                     Time shard_time);
// Whether somebody's standing presence may meet the pin. Elsewhere it is not even read.
bool MayMeetStanding(const std::string& setting_id, const events::v1::PinStated& pin);

// The case's side, clipped to the window.
struct PinnedPresence {
  Spans stays;
  Spans standing;
};
PinnedPresence Pinned(const SettingRule& rule, const events::v1::PinStated& pin);

// Whether the pin is a withdrawal.
inline bool IsEmpty(const events::v1::PinStated& pin) {
  return pin.stays().empty() && pin.standing().empty();
}

// The other side. Pointers may be null.
struct Guest {
  std::string person_id;
  std::vector<const events::v1::StaysStated*> stays;
  const events::v1::StandingStated* standing = nullptr;
  const events::v1::MatchStated* previous = nullptr;
};

events::v1::MatchStated Match(const TracingPolicy& policy, const SettingRule& rule,
                              const events::v1::PinStated& pin, const PinnedPresence& index,
                              const Guest& guest, int32_t forgotten_day);

// Whether no stay of the setting can concern the pin any more: those that may meet its own are
// forgotten, and there is no standing presence.
bool IsSettled(const TracingPolicy& policy, const state::v1::TracedSetting& setting,
               const events::v1::PinStated& pin);

// Of the days on which stays began in the setting, those on which a stay may meet the pin's
// presence.
std::vector<int32_t> DaysNear(const TracingPolicy& policy, const events::v1::PinStated& pin,
                              const google::protobuf::RepeatedField<int32_t>& days);

}  // namespace epigrid::contact_tracing
