#include "services/contact_tracing/domain/case_pins.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/case_window.h"
#include "services/contact_tracing/domain/pin_builder.h"
#include "services/contact_tracing/domain/setting_match.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

using events::v1::PinStated;
using state::v1::CaseRecord;
using state::v1::PinSlice;
using state::v1::StoredPin;
using state::v1::TracedPerson;

// Where the slice has the setting's pin, or would have it.
auto PlaceOfPin(PinSlice& slice, const std::string& setting_id) {
  auto& pins = *slice.mutable_pins();
  return std::lower_bound(
      pins.begin(), pins.end(), setting_id,
      [](const StoredPin& pin, const std::string& id) { return pin.pin().setting_id() < id; });
}

// Null: the slice has none.
StoredPin* FindPin(PinSlice& slice, const std::string& setting_id) {
  const auto at = PlaceOfPin(slice, setting_id);
  return at == slice.pins().end() || at->pin().setting_id() != setting_id ? nullptr : &*at;
}

StoredPin& AddPin(PinSlice& slice, const std::string& setting_id) {
  auto& pins = *slice.mutable_pins();
  const auto index = PlaceOfPin(slice, setting_id) - pins.begin();
  pins.Add();
  std::rotate(pins.begin() + index, pins.end() - 1, pins.end());
  return pins[static_cast<int>(index)];
}

// Brings the setting's pin in the slice up to `pin`, which has no version yet, and states it;
// false: they are the same.
bool StateDifference(const std::string& setting_id, PinStated pin, PinSlice& slice, Work& work) {
  StoredPin* stored = FindPin(slice, setting_id);
  if (IsEmpty(pin)) {
    if (stored == nullptr || IsEmpty(stored->pin())) return false;
    pin = stored->pin();
    pin.clear_stays();
    pin.clear_standing();
  } else if (stored != nullptr) {
    pin.set_version(stored->pin().version());
    if (IsSame(pin, stored->pin())) return false;
  } else {
    stored = &AddPin(slice, setting_id);
  }
  pin.set_version(VersionOf(work.context));
  *stored->mutable_pin() = pin;
  Event event;
  *event.mutable_pin_stated() = std::move(pin);
  work.context.EmitToInbox(setting_id, std::move(event));
  return true;
}

// The same for all of these pins of a case.
void StateDifferences(const CaseRecord& record, Pins pins, PinSlices slices, Work& work) {
  std::set<std::string> changed;
  for (auto& [setting_id, pin] : pins) {
    const std::string number = keys::PinSliceOf(setting_id);
    if (StateDifference(setting_id, std::move(pin), slices[number], work)) changed.insert(number);
  }
  for (const std::string& number : changed) {
    work.cells.SetMemberProto(keys::CasePins(record.case_id()), number, slices[number]);
  }
}

// States the pins of the settings in which stays have changed; false: more has changed than that,
// and nothing is stated.
bool RestatePinsOf(const PersonDays::Stays& changed, const TracedPerson& person,
                   const CaseRecord& record, Work& work) {
  const auto anchor = AnchorOf(record);
  if (!anchor || record.state() == v1::CASE_STATE_EXCLUDED) return true;  // it has no pins
  const CaseWindows windows =
      WindowsOf(work.policy, *anchor, ToSpans(person.isolations()), ToSpans(person.separations()));
  if (!IsSame(record.window(), ToInterval(windows.venues))) return false;
  const PinBuilder builder(work, person, record, windows);
  const std::string cell = keys::CasePins(record.case_id());
  PinSlices slices;
  Pins pins;
  for (const auto& [setting_id, days] : changed) {
    const std::string number = keys::PinSliceOf(setting_id);
    const auto [entry, is_new] = slices.try_emplace(number);
    PinSlice& slice = entry->second;
    if (is_new) slice = work.cells.GetMemberProto<PinSlice>(cell, number).value_or(PinSlice());
    const StoredPin* stored = FindPin(slice, setting_id);
    std::optional<PinStated> pin =
        builder.Change(setting_id, days, stored == nullptr ? PinStated() : stored->pin());
    if (!pin) return false;
    pins[setting_id] = *std::move(pin);
  }
  StateDifferences(record, std::move(pins), std::move(slices), work);
  return true;
}

void Continue(const std::string& case_id, const std::string& person_id, Work& work) {
  Event event;
  event.mutable_case_pins_continued()->set_case_id(case_id);
  event.mutable_case_pins_continued()->set_person_id(person_id);
  work.context.EmitToInbox(case_id, std::move(event));
}

}  // namespace

TracedPerson LoadPerson(const CellReader& cells, const std::string& person_id) {
  return cells.GetProto<TracedPerson>(keys::Person(person_id)).value_or(TracedPerson());
}

void NeedCases(const std::string& person_id, const TracedPerson& person, const CellReader&,
               NeedSet& needs) {
  if (person.case_ids().empty()) return;
  for (const std::string& case_id : person.case_ids()) {
    needs.String(keys::Case(case_id));
    needs.Members(keys::CasePins(case_id));
  }
  for (const int32_t day : person.days()) needs.String(keys::PresenceDay(person_id, day));
}

void RestateCases(const std::string& person_id, const TracedPerson& person, Work& work) {
  if (person.case_ids_size() == 1) {
    CaseRecord record = *work.cells.GetProto<CaseRecord>(keys::Case(person.case_ids(0)));
    const CaseRecord before = record;
    RestatePins(person, record, work);
    if (!IsSame(record, before)) {
      work.cells.SetProto(keys::Case(record.case_id()), record);
    }
    return;
  }
  for (const std::string& case_id : person.case_ids()) Continue(case_id, person_id, work);
}

void NeedCasesOfPresence(const TracedPerson& person, NeedSet& needs) {
  if (person.case_ids_size() != 1) return;
  needs.String(keys::Case(person.case_ids(0)));
  needs.Members(keys::CasePins(person.case_ids(0)));
}

void RestateCasesOfPresence(const std::string& person_id, const TracedPerson& person,
                            const PersonDays::Stays& changed, Work& work) {
  if (person.case_ids_size() == 1) {
    const auto record = work.cells.GetProto<CaseRecord>(keys::Case(person.case_ids(0)));
    if (RestatePinsOf(changed, person, *record, work)) return;
  }
  for (const std::string& case_id : person.case_ids()) Continue(case_id, person_id, work);
}

void RestatePins(const TracedPerson& person, CaseRecord& record, Work& work) {
  PinSlices slices = ReadSlices(work.cells.GetMembers(keys::CasePins(record.case_id())));
  Pins pins;
  const auto anchor = AnchorOf(record);
  if (anchor) {
    const CaseWindows windows = WindowsOf(work.policy, *anchor, ToSpans(person.isolations()),
                                          ToSpans(person.separations()));
    *record.mutable_window() = ToInterval(windows.venues);
    if (record.state() != v1::CASE_STATE_EXCLUDED) {
      pins = PinBuilder(work, person, record, windows).Build(slices);
    }
  }
  for (const auto& [number, slice] : slices) {
    for (const StoredPin& stored : slice.pins()) pins.try_emplace(stored.pin().setting_id());
  }
  StateDifferences(record, std::move(pins), std::move(slices), work);
}

v1::Case MakeCase(const CaseRecord& record, const PinSlices& slices, uint32_t contact_count) {
  v1::Case result;
  result.set_case_id(record.case_id());
  result.set_person_id(record.person_id());
  result.set_state(record.state());
  if (record.has_onset_time()) *result.mutable_onset_time() = record.onset_time();
  if (const auto sampled = SampledTime(record)) {
    *result.mutable_sampled_time() = ToProto(*sampled);
  }
  if (record.window().has_from_time()) {
    *result.mutable_window_from_time() = record.window().from_time();
  }
  if (record.window().has_until_time()) {
    *result.mutable_window_until_time() = record.window().until_time();
  }
  uint32_t settings = 0;
  uint32_t searched = 0;
  bool is_searching = false;
  for (const auto& [number, slice] : slices) {
    for (const StoredPin& pin : slice.pins()) {
      const bool is_answered = pin.answered_version() == pin.pin().version();
      is_searching |= !is_answered;
      if (IsEmpty(pin.pin())) continue;
      ++settings;
      searched += is_answered ? 1 : 0;
    }
  }
  result.set_search_state(is_searching ? v1::SEARCH_STATE_SEARCHING : v1::SEARCH_STATE_COMPLETE);
  result.set_setting_count(settings);
  result.set_searched_setting_count(searched);
  result.set_contact_count(contact_count);
  *result.mutable_opened_time() = record.opened_time();
  return result;
}

void Needs(const events::v1::CasePinsContinued& continued, const CellReader& cells,
           NeedSet& needs) {
  const std::string& person_id = continued.person_id();
  needs.String(keys::Person(person_id));
  needs.String(keys::Case(continued.case_id()));
  needs.Members(keys::CasePins(continued.case_id()));
  if (!cells.HasString(keys::Person(person_id))) return;
  const TracedPerson person = LoadPerson(cells, person_id);
  for (const int32_t day : person.days()) {
    needs.String(keys::PresenceDay(person_id, day));
  }
}

void Apply(const events::v1::CasePinsContinued& continued, Work& work) {
  auto record = work.cells.GetProto<CaseRecord>(keys::Case(continued.case_id()));
  if (!record || record->person_id() != continued.person_id()) return;
  const CaseRecord before = *record;
  RestatePins(LoadPerson(work.cells, continued.person_id()), *record, work);
  if (!IsSame(*record, before)) {
    work.cells.SetProto(keys::Case(record->case_id()), *record);
  }
}

void Needs(const events::v1::SettingSearched& searched, NeedSet& needs) {
  needs.Member(keys::CasePins(searched.case_id()), keys::PinSliceOf(searched.setting_id()));
}

void Apply(const events::v1::SettingSearched& searched, Work& work) {
  const std::string cell = keys::CasePins(searched.case_id());
  const std::string number = keys::PinSliceOf(searched.setting_id());
  auto slice = work.cells.GetMemberProto<PinSlice>(cell, number);
  if (!slice) return;
  StoredPin* stored = FindPin(*slice, searched.setting_id());
  if (stored == nullptr || stored->pin().version() != searched.pin_version()) return;
  const uint64_t answered = searched.begins() ? 0 : searched.pin_version();
  if (stored->answered_version() == answered) return;
  stored->set_answered_version(answered);
  if (!searched.begins() && IsEmpty(stored->pin())) {
    slice->mutable_pins()->erase(PlaceOfPin(*slice, searched.setting_id()));
  }
  if (slice->pins().empty()) {
    work.cells.DeleteMember(cell, number);
  } else {
    work.cells.SetMemberProto(cell, number, *slice);
  }
}

}  // namespace epigrid::contact_tracing
