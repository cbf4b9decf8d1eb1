#include "services/contact_tracing/domain/presence.h"

#include <algorithm>

#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/case_pins.h"
#include "services/contact_tracing/domain/person_days.h"
#include "services/contact_tracing/domain/presence_revision.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

using events::v1::PresenceObserved;
using state::v1::PresenceDay;
using state::v1::PresenceState;
using state::v1::StoredStay;
using state::v1::TracedPerson;
using v1::PresenceObservation;

std::string KeyOf(const PresenceObservation& observation) {
  std::string key;
  key.reserve(observation.source().size() + 1 + observation.source_id().size());
  return key.append(observation.source()).append("/").append(observation.source_id());
}

bool IsPossible(const PresenceObservation& observation) {
  if (!observation.has_check_in()) return true;
  const v1::CheckIn& check_in = observation.check_in();
  return check_in.has_start_time() &&
         (!check_in.has_end_time() ||
          IsPossibleEnd(FromProto(check_in.start_time()), FromProto(check_in.end_time())));
}

// The end that stands goes into the stay; true if a check-out was no possible one.
bool SetEnd(const PresenceState& state, StoredStay& stored) {
  events::v1::Stay& stay = *stored.mutable_stay();
  const Time start = FromProto(stay.start_time());
  if (const auto end = EndOf(state, start)) {
    *stay.mutable_end_time() = ToProto(*end);
    stay.clear_next_start_time();
  } else {
    stay.clear_end_time();
  }
  stored.set_revision(std::max(state.revision(), state.check_out_revision()));
  return state.check_out_revision() != 0 &&
         !IsPossibleEnd(start, FromProto(state.check_out_time()));
}

StoredStay NewStay(const std::string& key, const v1::CheckIn& check_in) {
  StoredStay stored;
  stored.set_setting_id(check_in.setting_id());
  stored.mutable_stay()->set_key(key);
  *stored.mutable_stay()->mutable_start_time() = check_in.start_time();
  stored.mutable_stay()->set_position(check_in.position());
  return stored;
}

template <typename Strings>
bool RemoveKey(Strings& keys, const std::string& key) {
  const auto at = std::find(keys.begin(), keys.end(), key);
  if (at == keys.end()) return false;
  keys.erase(at);
  return true;
}

// --- one observation --------------------------------------------------------------------------

// What Apply works on.
struct Observed {
  const PresenceObservation& observation;
  const std::string key;
  const PresenceState before;
  PresenceState after;
  TracedPerson& person;
  PersonDays days;
  bool is_new;  // nothing was known of the presence

  bool was_stray() const { return before.has_stray_forget_time(); }
};

bool HasPastDay(const Observed& told, const Work& work) {
  const auto is_past = [&](int32_t day) {
    return work.policy.IsPast(day, work.context.shard_time) ||
           (told.person.has_forgotten_day() && day <= told.person.forgotten_day());
  };
  if (!told.is_new && !told.was_stray() && is_past(told.before.day())) return true;
  return told.observation.has_check_in() &&
         is_past(work.policy.zone.LocalDay(FromProto(told.observation.check_in().start_time())));
}

// Remembers a presence whose check-in has not come; false: there are too many.
bool AddStray(Observed& told, Work& work) {
  if (told.person.stray_count() >= kStraysMax) return false;
  const Time now = std::max(work.context.shard_time, work.context.recorded_at);
  const Time forget = work.policy.ForgetAt(work.policy.zone.LocalDay(now));
  *told.after.mutable_stray_forget_time() = ToProto(forget);
  told.person.set_stray_count(told.person.stray_count() + 1);
  work.cells.MoveTimer(keys::StrayTimer(told.observation.person_id(), told.key), Time{}, forget);
  return true;
}

void RemoveStray(Observed& told, Work& work) {
  told.after.clear_stray_forget_time();
  told.person.set_stray_count(told.person.stray_count() - 1);
  work.cells.MoveTimer(keys::StrayTimer(told.observation.person_id(), told.key),
                       FromProto(told.before.stray_forget_time()), Time{});
}

// A check-in that stands now; false: its day is full.
bool PutCheckIn(Observed& told, Work& work) {
  StoredStay stay = NewStay(told.key, told.observation.check_in());
  const int32_t day = work.policy.zone.LocalDay(FromProto(stay.stay().start_time()));
  const bool was_stay = !told.is_new && !told.was_stray();
  PresenceDay& block = told.days.Day(day);
  const bool same_day = was_stay && told.before.day() == day;
  const bool grows = !same_day || told.before.deleted();
  if (grows && (block.stays_size() >= kStaysPerDayMax ||
                block.stays_size() + block.deleted_keys_size() >= kKeysPerDayMax)) {
    return false;
  }
  if (was_stay) {
    told.days.Remove(told.before.day(), told.key);
    if (RemoveKey(*told.days.Day(told.before.day()).mutable_deleted_keys(), told.key)) {
      told.days.MarkChanged(told.before.day());
    }
  } else if (!told.is_new) {
    RemoveStray(told, work);
  }
  if (SetEnd(told.after, stay)) work.context.Ignore("CHECK_OUT_INVALID");
  told.after.set_day(day);
  told.days.Put(day, std::move(stay));
  if (block.stays_size() > kStaysPerDayUsual) work.context.Ignore("PRESENCE_MANY");
  return true;
}

// A check-out or a deletion that stands now; false: there are too many strays.
bool PutOther(Observed& told, Work& work) {
  if (told.is_new) return AddStray(told, work);
  if (told.was_stray()) return true;
  std::optional<StoredStay> stay = told.days.Remove(told.before.day(), told.key);
  if (!stay) return true;  // deleted before
  if (told.after.deleted()) {
    told.days.Day(told.before.day()).add_deleted_keys(told.key);
    return true;
  }
  if (SetEnd(told.after, *stay)) work.context.Ignore("CHECK_OUT_INVALID");
  told.days.Put(told.before.day(), *std::move(stay));
  return true;
}

}  // namespace

void Needs(const TracingPolicy& policy, const PresenceObserved& observed, const CellReader& cells,
           NeedSet& needs) {
  const PresenceObservation& observation = observed.observation();
  const std::string& person_id = observation.person_id();
  const std::string presences = keys::Presences(person_id);
  const std::string key = KeyOf(observation);
  needs.String(keys::Person(person_id));
  needs.Member(presences, key);
  const auto need_days = [&](Time start) {
    for (const int32_t day : PersonDays::DaysAround(policy, start)) {
      needs.String(keys::PresenceDay(person_id, day));
    }
  };
  if (observation.has_check_in()) need_days(FromProto(observation.check_in().start_time()));
  if (!cells.HasMember(presences, key) || !cells.HasString(keys::Person(person_id))) return;

  const auto state = cells.GetMemberProto<PresenceState>(presences, key);
  if (state && !state->has_stray_forget_time()) {
    for (int32_t day = state->day() - 1; day <= state->day() + 1; ++day) {
      needs.String(keys::PresenceDay(person_id, day));
    }
  }
  NeedCasesOfPresence(LoadPerson(cells, person_id), needs);
}

void Apply(const PresenceObserved& observed, Work& work) {
  const PresenceObservation& observation = observed.observation();
  if (observation.what_case() == PresenceObservation::WHAT_NOT_SET || !IsPossible(observation)) {
    return work.context.Ignore("PRESENCE_INVALID");
  }
  const std::string& person_id = observation.person_id();
  TracedPerson person = LoadPerson(work.cells, person_id);
  const std::string key = KeyOf(observation);
  const auto known = work.cells.GetMemberProto<PresenceState>(keys::Presences(person_id), key);
  Observed told{observation,
                key,
                known.value_or(PresenceState()),
                known.value_or(PresenceState()),
                person,
                PersonDays(work, person_id, person),
                !known.has_value()};
  switch (Revise(observation, told.after)) {
    case Revised::kNothing: return;
    case Revised::kConflict: return work.context.Ignore("PRESENCE_CONFLICT");
    case Revised::kChanged: break;
  }
  if (HasPastDay(told, work)) return work.context.Ignore("PRESENCE_TOO_OLD");
  if (told.is_new && observation.has_check_in() && observation.revision() > 1) {
    work.context.Ignore("FIRST_REVISION_MISSING");
  }
  const uint32_t stray_count = person.stray_count();
  const bool taken_in = observation.has_check_in() ? PutCheckIn(told, work) : PutOther(told, work);
  if (!taken_in) return work.context.Ignore("PRESENCE_LIMIT");
  work.cells.SetMemberProto(keys::Presences(person_id), key, told.after);
  if (told.days.Save() || person.stray_count() != stray_count) {
    work.cells.SetProto(keys::Person(person_id), person);
  }
  RestateCasesOfPresence(person_id, person, told.days.restated(), work);
}

// A part of a day that is forgotten at a time: within kWritesPerEventMax.
constexpr int kForgottenAtOnce = 12;

void NeedsPersonDay(const std::string& person_id, int32_t day, const CellReader& cells,
                    NeedSet& needs) {
  const std::string cell = keys::PresenceDay(person_id, day);
  needs.String(keys::Person(person_id));
  needs.String(cell);
  if (!cells.HasString(cell)) return;
  const auto block = cells.GetProto<PresenceDay>(cell).value_or(PresenceDay());
  for (const StoredStay& stay : block.stays()) {
    needs.Member(keys::Presences(person_id), stay.stay().key());
  }
  for (const std::string& key : block.deleted_keys()) {
    needs.Member(keys::Presences(person_id), key);
  }
}

void ForgetPersonDay(const std::string& person_id, int32_t day, Work& work) {
  const std::string timer = keys::PersonDayTimer(person_id, day);
  TracedPerson person = LoadPerson(work.cells, person_id);
  const bool begun = person.has_forgotten_day() && day <= person.forgotten_day();
  // Retention may have been made longer since the timer was set.
  if (const Time due = work.policy.ForgetAt(day); !begun && due > work.context.shard_time) {
    return work.cells.MoveTimer(timer, Time{}, due);
  }
  // At once and for good: what is left of a part of a day would be taken for the whole of it.
  if (!begun) person.set_forgotten_day(day);
  if (RemoveDay(*person.mutable_days(), day) || !begun) {
    work.cells.SetProto(keys::Person(person_id), person);
  }
  const std::string cell = keys::PresenceDay(person_id, day);
  auto block = work.cells.GetProto<PresenceDay>(cell).value_or(PresenceDay());
  const auto forget = [&](const std::string& key) {
    if (work.cells.GetMember(keys::Presences(person_id), key) != nullptr) {
      work.cells.DeleteMember(keys::Presences(person_id), key);
    }
  };
  int left = kForgottenAtOnce;
  auto& stays = *block.mutable_stays();
  for (; !stays.empty() && left > 0; --left, stays.RemoveLast()) {
    forget(stays.rbegin()->stay().key());
  }
  auto& deleted = *block.mutable_deleted_keys();
  for (; !deleted.empty() && left > 0; --left, deleted.RemoveLast()) forget(*deleted.rbegin());
  if (!stays.empty() || !deleted.empty()) {
    work.cells.SetProto(cell, block);
    return work.cells.MoveTimer(timer, Time{}, work.context.shard_time);
  }
  work.cells.Delete(cell);
}

void NeedsStray(const std::string& person_id, const std::string& key, NeedSet& needs) {
  needs.String(keys::Person(person_id));
  needs.Member(keys::Presences(person_id), key);
}

void ForgetStray(const std::string& person_id, const std::string& key, Work& work) {
  if (work.cells.GetMember(keys::Presences(person_id), key) == nullptr) return;
  work.cells.DeleteMember(keys::Presences(person_id), key);
  TracedPerson person = LoadPerson(work.cells, person_id);
  person.set_stray_count(person.stray_count() - 1);
  work.cells.SetProto(keys::Person(person_id), person);
}

}  // namespace epigrid::contact_tracing
