#include "services/contact_tracing/domain/setting_shard.h"

#include <algorithm>
#include <map>

#include "services/contact_tracing/domain/days.h"
#include "services/contact_tracing/domain/setting_search.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

using events::v1::PinSearchContinued;
using events::v1::PinStated;
using events::v1::StandingStated;
using events::v1::StaysStated;
using state::v1::TracedSetting;

void NeedPin(const std::string& setting_id, const std::string& case_id, NeedSet& needs) {
  needs.Member(keys::Pins(setting_id), case_id);
  needs.Member(keys::SettledPins(setting_id, case_id), case_id);
}

std::optional<PinStated> LoadPin(const std::string& setting_id, const std::string& case_id,
                                 const CellReader& cells) {
  auto pin = cells.GetMemberProto<PinStated>(keys::Pins(setting_id), case_id);
  if (pin) return pin;
  return cells.GetMemberProto<PinStated>(keys::SettledPins(setting_id, case_id), case_id);
}

// Asks for all pins that are not settled and, of those that concern, for what matching this person
// with them touches.
template <typename Concerns>
void NeedRematch(const TracingPolicy& policy, const std::string& setting_id,
                 const TracedSetting& setting, const std::string& person_id,
                 const CellReader& cells, NeedSet& needs, const Concerns& concerns) {
  if (setting.pin_count() == 0) return;
  needs.Members(keys::Pins(setting_id));
  if (!cells.HasMembers(keys::Pins(setting_id))) return;
  for (const auto& [case_id, bytes] : cells.GetMembers(keys::Pins(setting_id))) {
    const auto pin = *CellReader::ParseProto<PinStated>(&bytes);
    if (!concerns(pin)) continue;
    SettingSearch::NeedsPerson(policy, setting_id, setting, pin, person_id, needs);
  }
}

void Forget(int32_t day, TracedSetting& setting) {
  RemoveDay(*setting.mutable_days(), day);
  if (!setting.has_forgotten_day() || setting.forgotten_day() < day) {
    setting.set_forgotten_day(day);
  }
}

// Pins that are settled at a time: within kWritesPerEventMax.
constexpr size_t kSettledAtOnce = 6;

// The first pins, by case, of which all is forgotten.
std::map<std::string, std::string> ToBeSettled(const TracingPolicy& policy,
                                               const std::string& setting_id,
                                               const TracedSetting& setting,
                                               const CellReader& cells) {
  std::map<std::string, std::string> pins;
  for (const auto& [case_id, bytes] : cells.GetMembers(keys::Pins(setting_id))) {
    if (pins.size() == kSettledAtOnce) break;
    if (IsSettled(policy, setting, *CellReader::ParseProto<PinStated>(&bytes))) {
      pins.emplace(case_id, bytes);
    }
  }
  return pins;
}

// Whether stays that began on this day may meet the pin's presence.
auto IsNear(const TracingPolicy& policy, int32_t day) {
  return [&policy, day](const PinStated& pin) {
    google::protobuf::RepeatedField<int32_t> days;
    days.Add(day);
    return !DaysNear(policy, pin, days).empty();
  };
}

// Whether a newer search covers what this part was to search. A change of the setting searches for
// every open pin anew, but not for those that are settled.
bool IsOvertaken(const PinSearchContinued& part, const PinStated& pin, const TracedSetting& setting,
                 const CellReader& cells) {
  if (pin.version() != part.pin_version()) return true;
  return setting.rule_version() != part.rule_version() &&
         cells.GetMember(keys::Pins(part.setting_id()), part.case_id()) != nullptr;
}

auto MeetsStanding(const std::string& setting_id) {
  return [&setting_id](const PinStated& pin) { return MayMeetStanding(setting_id, pin); };
}

}  // namespace

void Needs(const TracingPolicy& policy, const StaysStated& stated, const CellReader& cells,
           NeedSet& needs) {
  needs.Member(keys::Stays(stated.setting_id(), stated.day()), stated.person_id());
  auto setting = NeedSetting(stated.setting_id(), cells, needs);
  if (!setting || !IsDay(stated.day())) return;
  InsertDay(*setting->mutable_days(), stated.day());
  NeedRematch(policy, stated.setting_id(), *setting, stated.person_id(), cells, needs,
              IsNear(policy, stated.day()));
}

void Apply(const StaysStated& stated, Work& work) {
  if (!IsDay(stated.day())) return work.context.Ignore("DAY_OUT_OF_RANGE");
  const std::string& setting_id = stated.setting_id();
  TracedSetting setting = LoadSetting(work.cells, setting_id);
  if (stated.day() <= ForgottenDay(work.policy, setting, work.context.shard_time)) {
    return work.context.Ignore("STAYS_TOO_OLD");
  }
  const std::string key = keys::Stays(setting_id, stated.day());
  const std::string* before = work.cells.GetMember(key, stated.person_id());
  if (stated.stays().empty()) {
    if (before == nullptr) return;
    work.cells.DeleteMember(key, stated.person_id());
  } else {
    StaysStated stored;
    *stored.mutable_stays() = stated.stays();
    std::string bytes = stored.SerializeAsString();
    if (before != nullptr && *before == bytes) return;
    work.cells.SetMember(key, stated.person_id(), std::move(bytes));
    if (InsertDay(*setting.mutable_days(), stated.day())) {
      work.cells.SetProto(keys::Setting(setting_id), setting);
      work.cells.MoveTimer(keys::SettingDayTimer(setting_id, stated.day()), Time{},
                           work.policy.ForgetAt(stated.day()));
    }
  }
  if (setting.pin_count() == 0) return;
  SettingSearch(work, setting_id, setting)
      .RematchPerson(stated.person_id(), IsNear(work.policy, stated.day()));
}

void Needs(const TracingPolicy& policy, const StandingStated& stated, const CellReader& cells,
           NeedSet& needs) {
  needs.Member(keys::Standing(stated.setting_id()), stated.person_id());
  if (const auto setting = NeedSetting(stated.setting_id(), cells, needs)) {
    NeedRematch(policy, stated.setting_id(), *setting, stated.person_id(), cells, needs,
                MeetsStanding(stated.setting_id()));
  }
}

void Apply(const StandingStated& stated, Work& work) {
  const std::string key = keys::Standing(stated.setting_id());
  const std::string* before = work.cells.GetMember(key, stated.person_id());
  if (stated.intervals().empty()) {
    if (before == nullptr) return;
    work.cells.DeleteMember(key, stated.person_id());
  } else {
    StandingStated stored;
    *stored.mutable_intervals() = stated.intervals();
    stored.set_category(stated.category());
    work.cells.SetMemberProto(key, stated.person_id(), stored);
  }
  const TracedSetting setting = LoadSetting(work.cells, stated.setting_id());
  if (setting.pin_count() == 0) return;
  SettingSearch(work, stated.setting_id(), setting)
      .RematchPerson(stated.person_id(), MeetsStanding(stated.setting_id()));
}

void Needs(const TracingPolicy& policy, const PinStated& pin, const CellReader& cells,
           NeedSet& needs) {
  NeedPin(pin.setting_id(), pin.case_id(), needs);
  if (const auto setting = NeedSetting(pin.setting_id(), cells, needs)) {
    SettingSearch::NeedsPeople(policy, pin.setting_id(), *setting, pin, needs);
  }
}

void Apply(const PinStated& pin, Work& work) {
  const std::string pins = keys::Pins(pin.setting_id());
  const std::string settled_pins = keys::SettledPins(pin.setting_id(), pin.case_id());
  const bool was_open = work.cells.GetMember(pins, pin.case_id()) != nullptr;
  const bool was_settled = work.cells.GetMember(settled_pins, pin.case_id()) != nullptr;
  TracedSetting setting = LoadSetting(work.cells, pin.setting_id());
  const bool settled = IsSettled(work.policy, setting, pin);
  // A withdrawal stands too until everybody it concerns has been told.
  const bool open = !settled && (was_open || was_settled || !IsEmpty(pin));
  if (was_open && !open) work.cells.DeleteMember(pins, pin.case_id());
  if (was_settled && !settled) work.cells.DeleteMember(settled_pins, pin.case_id());
  if (open || settled) {
    work.cells.SetMemberProto(settled ? settled_pins : pins, pin.case_id(), pin);
  }
  uint32_t pin_count = setting.pin_count() + (open ? 1 : 0) - (was_open ? 1 : 0);
  const uint32_t settled_count =
      setting.settled_pin_count() + (settled ? 1 : 0) - (was_settled ? 1 : 0);
  if (SettingSearch(work, pin.setting_id(), setting).SearchAfter(pin, {})) --pin_count;
  if (pin_count == setting.pin_count() && settled_count == setting.settled_pin_count()) return;
  setting.set_pin_count(pin_count);
  setting.set_settled_pin_count(settled_count);
  work.cells.SetProto(keys::Setting(pin.setting_id()), setting);
}

void Needs(const TracingPolicy& policy, const PinSearchContinued& part, const CellReader& cells,
           NeedSet& needs) {
  NeedPin(part.setting_id(), part.case_id(), needs);
  const auto setting = NeedSetting(part.setting_id(), cells, needs);
  if (!setting || !cells.HasMember(keys::Pins(part.setting_id()), part.case_id()) ||
      !cells.HasMember(keys::SettledPins(part.setting_id(), part.case_id()), part.case_id())) {
    return;
  }
  const auto pin = LoadPin(part.setting_id(), part.case_id(), cells);
  if (!pin || IsOvertaken(part, *pin, *setting, cells)) return;
  if (part.person_ids().empty() && part.uncut_person_ids().empty()) {
    return SettingSearch::NeedsPeople(policy, part.setting_id(), *setting, *pin, needs);
  }
  for (const std::string& person_id : part.person_ids()) {
    SettingSearch::NeedsPerson(policy, part.setting_id(), *setting, *pin, person_id, needs);
  }
}

void Apply(const PinSearchContinued& part, Work& work) {
  const std::string& setting_id = part.setting_id();
  const auto pin = LoadPin(setting_id, part.case_id(), work.cells);
  TracedSetting setting = LoadSetting(work.cells, setting_id);
  if (!pin || IsOvertaken(part, *pin, setting, work.cells)) return;
  if (!SettingSearch(work, setting_id, setting).SearchPart(*pin, part)) return;
  setting.set_pin_count(setting.pin_count() - 1);
  work.cells.SetProto(keys::Setting(setting_id), setting);
}

void NeedsSettingDay(const TracingPolicy& policy, const std::string& setting_id, int32_t day,
                     const CellReader& cells, NeedSet& needs) {
  auto setting = NeedSetting(setting_id, cells, needs);
  needs.Members(keys::Stays(setting_id, day));
  if (!setting || setting->pin_count() == 0 || setting->unfinished_changes() > 0) return;
  needs.Members(keys::Pins(setting_id));
  if (!cells.HasMembers(keys::Pins(setting_id))) return;
  Forget(day, *setting);
  for (const auto& [case_id, bytes] : ToBeSettled(policy, setting_id, *setting, cells)) {
    needs.Member(keys::SettledPins(setting_id, case_id), case_id);
  }
}

void ForgetSettingDay(const std::string& setting_id, int32_t day, Work& work) {
  const std::string timer = keys::SettingDayTimer(setting_id, day);
  TracedSetting setting = LoadSetting(work.cells, setting_id);
  const bool begun = setting.has_forgotten_day() && day <= setting.forgotten_day();
  // Retention may have been made longer since the timer was set.
  if (const Time due = work.policy.ForgetAt(day); !begun && due > work.context.shard_time) {
    return work.cells.MoveTimer(timer, Time{}, due);
  }
  work.cells.DeleteMembers(keys::Stays(setting_id, day));
  Forget(day, setting);
  if (setting.unfinished_changes() > 0) {
    work.cells.MoveTimer(timer, Time{}, work.context.shard_time);
  } else if (setting.pin_count() > 0) {
    auto pins = ToBeSettled(work.policy, setting_id, setting, work.cells);
    for (auto& [case_id, bytes] : pins) {
      work.cells.DeleteMember(keys::Pins(setting_id), case_id);
      work.cells.SetMember(keys::SettledPins(setting_id, case_id), case_id, std::move(bytes));
    }
    setting.set_pin_count(setting.pin_count() - static_cast<uint32_t>(pins.size()));
    setting.set_settled_pin_count(setting.settled_pin_count() + static_cast<uint32_t>(pins.size()));
    // There may be more.
    if (pins.size() == kSettledAtOnce) {
      work.cells.MoveTimer(timer, Time{}, work.context.shard_time);
    }
  }
  work.cells.SetProto(keys::Setting(setting_id), setting);
}

}  // namespace epigrid::contact_tracing
