#include "services/contact_tracing/domain/setting_shard.h"

#include <algorithm>

#include "services/contact_tracing/domain/setting_search.h"
#include "services/contact_tracing/domain/times.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

using events::v1::PinSearchContinued;
using events::v1::PinStated;
using events::v1::SettingUpdateRequested;
using events::v1::StandingStated;
using events::v1::StaysStated;
using state::v1::TracedSetting;

TracedSetting LoadSetting(const CellReader& cells, const std::string& setting_id) {
  return cells.GetProto<TracedSetting>(keys::Setting(setting_id)).value_or(TracedSetting());
}

// Asks for the setting; its content once it is loaded.
std::optional<TracedSetting> NeedSetting(const std::string& setting_id, const CellReader& cells,
                                         NeedSet& needs) {
  needs.String(keys::Setting(setting_id));
  if (!cells.HasString(keys::Setting(setting_id))) return std::nullopt;
  return LoadSetting(cells, setting_id);
}

// Asks for all pins and, of those that concern, for what matching this person with them touches.
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

// Whether stays that began on this day may meet the pin's.
auto IsNear(const TracingPolicy& policy, int32_t day) {
  return [&policy, day](const PinStated& pin) {
    google::protobuf::RepeatedField<int32_t> days;
    days.Add(day);
    return !DaysNear(policy, pin, days).empty();
  };
}

// Whether a newer search covers what this part was to search.
bool IsOvertaken(const PinSearchContinued& part, const PinStated& pin,
                 const TracedSetting& setting) {
  return pin.version() != part.pin_version() || setting.rule_version() != part.rule_version();
}

bool HasStanding(const PinStated& pin) { return !pin.standing().empty(); }

}  // namespace

void Needs(const TracingPolicy&, const SettingUpdateRequested& requested, const CellReader& cells,
           NeedSet& needs) {
  const std::string& setting_id = requested.setting().setting_id();
  const auto setting = NeedSetting(setting_id, cells, needs);
  if (setting && setting->pin_count() > 0) needs.Members(keys::Pins(setting_id));
}

void Apply(const SettingUpdateRequested& requested, Work& work) {
  const std::string& setting_id = requested.setting().setting_id();
  TracedSetting setting = LoadSetting(work.cells, setting_id);
  const SettingRule before = RuleOf(work.policy, setting);
  const bool same = setting.has_setting() && setting.setting().SerializeAsString() ==
                                                 requested.setting().SerializeAsString();
  work.context.Answer({OkStatus(), requested.setting().SerializeAsString()});
  if (same) return;
  *setting.mutable_setting() = requested.setting();
  const SettingRule after = RuleOf(work.policy, setting);
  const bool rule_changed = !before.known || before.category != after.category ||
                            before.stays.usual_stay != after.stays.usual_stay;
  if (rule_changed) setting.set_rule_version(VersionOf(work.context));
  work.cells.SetProto(keys::Setting(setting_id), setting);
  if (!rule_changed || setting.pin_count() == 0) return;
  SettingSearch search(work, setting_id, setting);
  for (const auto& [case_id, bytes] : work.cells.GetMembers(keys::Pins(setting_id))) {
    search.SearchAnew(*CellReader::ParseProto<PinStated>(&bytes));
  }
}

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
  if (work.policy.IsPast(stated.day(), work.context.shard_time)) {
    return work.context.Ignore("STAYS_TOO_OLD");
  }
  const std::string& setting_id = stated.setting_id();
  const std::string key = keys::Stays(setting_id, stated.day());
  const std::string* before = work.cells.GetMember(key, stated.person_id());
  TracedSetting setting = LoadSetting(work.cells, setting_id);
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
                HasStanding);
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
  SettingSearch(work, stated.setting_id(), setting).RematchPerson(stated.person_id(), HasStanding);
}

void Needs(const TracingPolicy& policy, const PinStated& pin, const CellReader& cells,
           NeedSet& needs) {
  needs.Member(keys::Pins(pin.setting_id()), pin.case_id());
  if (const auto setting = NeedSetting(pin.setting_id(), cells, needs)) {
    SettingSearch::NeedsPeople(policy, pin.setting_id(), *setting, pin, needs);
  }
}

void Apply(const PinStated& pin, Work& work) {
  const std::string pins = keys::Pins(pin.setting_id());
  const bool stands = work.cells.GetMember(pins, pin.case_id()) != nullptr;
  TracedSetting setting = LoadSetting(work.cells, pin.setting_id());
  uint32_t pin_count = setting.pin_count();
  // A withdrawal stands too until everybody it concerns has been told.
  if (stands || !IsEmpty(pin)) work.cells.SetMemberProto(pins, pin.case_id(), pin);
  if (!stands && !IsEmpty(pin)) ++pin_count;
  if (SettingSearch(work, pin.setting_id(), setting).SearchAfter(pin, {})) --pin_count;
  if (pin_count == setting.pin_count()) return;
  setting.set_pin_count(pin_count);
  work.cells.SetProto(keys::Setting(pin.setting_id()), setting);
}

void Needs(const TracingPolicy& policy, const PinSearchContinued& part, const CellReader& cells,
           NeedSet& needs) {
  needs.Member(keys::Pins(part.setting_id()), part.case_id());
  const auto setting = NeedSetting(part.setting_id(), cells, needs);
  if (!setting || !cells.HasMember(keys::Pins(part.setting_id()), part.case_id())) return;
  const auto pin = cells.GetMemberProto<PinStated>(keys::Pins(part.setting_id()), part.case_id());
  if (!pin || IsOvertaken(part, *pin, *setting)) return;
  if (part.person_ids().empty()) {
    return SettingSearch::NeedsPeople(policy, part.setting_id(), *setting, *pin, needs);
  }
  for (const std::string& person_id : part.person_ids()) {
    SettingSearch::NeedsPerson(policy, part.setting_id(), *setting, *pin, person_id, needs);
  }
}

void Apply(const PinSearchContinued& part, Work& work) {
  const std::string& setting_id = part.setting_id();
  const auto pin = work.cells.GetMemberProto<PinStated>(keys::Pins(setting_id), part.case_id());
  TracedSetting setting = LoadSetting(work.cells, setting_id);
  if (!pin || IsOvertaken(part, *pin, setting)) return;
  if (!SettingSearch(work, setting_id, setting).SearchPart(*pin, part)) return;
  setting.set_pin_count(setting.pin_count() - 1);
  work.cells.SetProto(keys::Setting(setting_id), setting);
}

void NeedsSettingDay(const std::string& setting_id, int32_t day, const CellReader&,
                     NeedSet& needs) {
  needs.String(keys::Setting(setting_id));
  needs.Members(keys::Stays(setting_id, day));
}

void ForgetSettingDay(const std::string& setting_id, int32_t day, Work& work) {
  // Retention may have been made longer since the timer was set.
  if (const Time due = work.policy.ForgetAt(day); due > work.context.shard_time) {
    work.cells.MoveTimer(keys::SettingDayTimer(setting_id, day), Time{}, due);
    return;
  }
  work.cells.DeleteMembers(keys::Stays(setting_id, day));
  TracedSetting setting = LoadSetting(work.cells, setting_id);
  if (RemoveDay(*setting.mutable_days(), day)) {
    work.cells.SetProto(keys::Setting(setting_id), setting);
  }
}

}  // namespace epigrid::contact_tracing
