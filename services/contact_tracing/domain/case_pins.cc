#include "services/contact_tracing/domain/case_pins.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/case_window.h"
#include "services/contact_tracing/domain/setting_match.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

using events::v1::PinStated;
using events::v1::Stay;
using state::v1::CaseRecord;
using state::v1::PinSlice;
using state::v1::PresenceDay;
using state::v1::StoredPin;
using state::v1::StoredStay;
using state::v1::TracedPerson;

using Pins = std::map<std::string, PinStated>;  // by setting id, without version

constexpr uint32_t kContactDegree = 1;
// So that a pin stays well below what a record of the log may hold.
constexpr int kStaysPerPinMax = 4096;

class PinBuilder {
 public:
  PinBuilder(const Work& work, const TracedPerson& person, const CaseRecord& record,
             const CaseWindows& windows)
      : work_(work), person_(person), record_(record), windows_(windows) {}

  // The pins as they should be. `stated` holds what is remembered of days that are forgotten.
  Pins Build(const PinSlices& stated) {
    const TimeZone& zone = work_.policy.zone;
    const auto& days = person_.days();
    for (const auto& [number, slice] : stated) {
      for (const StoredPin& stored : slice.pins()) {
        for (const Stay& stay : stored.pin().stays()) {
          const int32_t day = zone.LocalDay(FromProto(stay.start_time()));
          if (std::binary_search(days.begin(), days.end(), day)) continue;
          AddStay(stored.pin().setting_id(), stay);
        }
      }
    }
    for (const int32_t day : days) AddDay(day);
    AddStanding();
    return std::move(pins_);
  }

 private:
  bool LivesIn(const std::string& setting_id) const {
    return std::any_of(person_.memberships().begin(), person_.memberships().end(),
                       [&](const auto& member) { return member.household_id() == setting_id; });
  }
  const Span& WindowIn(const std::string& setting_id) const {
    return LivesIn(setting_id) ? windows_.household : windows_.venues;
  }

  PinStated& Pin(const std::string& setting_id) {
    const auto [at, is_new] = pins_.try_emplace(setting_id);
    PinStated& pin = at->second;
    if (is_new) {
      pin.set_setting_id(setting_id);
      pin.set_case_id(record_.case_id());
      pin.set_index_person_id(record_.person_id());
      pin.set_degree(kContactDegree);
      *pin.mutable_window() = ToInterval(WindowIn(setting_id));
    }
    return pin;
  }

  void AddDay(int32_t day) {
    const auto block =
        work_.cells.GetProto<PresenceDay>(keys::PresenceDay(record_.person_id(), day));
    if (!block) return;
    for (const StoredStay& stay : block->stays()) AddStay(stay.setting_id(), stay.stay());
  }

  void AddStay(const std::string& setting_id, const Stay& stay) {
    const Span& window = WindowIn(setting_id);
    const Time start = FromProto(stay.start_time());
    const Time end =
        stay.has_end_time() ? FromProto(stay.end_time()) : start + work_.policy.stay_cap;
    if (window.from >= window.until || start >= window.until || end <= window.from) return;
    PinStated& pin = Pin(setting_id);
    if (pin.stays_size() >= kStaysPerPinMax) return work_.context.Ignore("PIN_LIMIT");
    Stay& pinned = *pin.add_stays();
    pinned = stay;
    pinned
        .clear_key();  // tells apart a person's stays for corrections; a pin is replaced as a whole
  }

  void AddStanding() {
    const Spans separations = ToSpans(person_.separations());
    for (const state::v1::Membership& membership : person_.memberships()) {
      const Span& window = windows_.household;
      if (window.from >= window.until) return;
      const Spans lives = ToSpans(membership.intervals());
      for (const Span& span : Intersect(Subtract(lives, separations), {window})) {
        PinStated& pin = Pin(membership.household_id());
        *pin.add_standing() = ToInterval(span);
        pin.set_category(v1::SETTING_CATEGORY_HOUSEHOLD);
      }
    }
  }

  const Work& work_;
  const TracedPerson& person_;
  const CaseRecord& record_;
  const CaseWindows& windows_;
  Pins pins_;
};

std::string ContentOf(PinStated pin) {
  pin.clear_version();
  return pin.SerializeAsString();
}

void State(const PinStated& pin, Work& work) {
  Event event;
  *event.mutable_pin_stated() = pin;
  work.context.EmitToInbox(pin.setting_id(), std::move(event));
}

StoredPin& PinOf(PinSlice& slice, const std::string& setting_id) {
  auto& pins = *slice.mutable_pins();
  const auto at = std::lower_bound(
      pins.begin(), pins.end(), setting_id,
      [](const StoredPin& pin, const std::string& id) { return pin.pin().setting_id() < id; });
  if (at != pins.end() && at->pin().setting_id() == setting_id) return *at;
  const auto index = at - pins.begin();
  pins.Add();
  std::rotate(pins.begin() + index, pins.end() - 1, pins.end());
  return pins[static_cast<int>(index)];
}

// States what differs from `slices` and brings them up to date.
void StateDifferences(const CaseRecord& record, Pins pins, PinSlices slices, Work& work) {
  std::set<std::string> changed;
  const uint64_t version = VersionOf(work.context);
  for (auto& [number, slice] : slices) {
    for (StoredPin& stored : *slice.mutable_pins()) {
      if (IsEmpty(stored.pin()) || pins.contains(stored.pin().setting_id())) continue;
      PinStated withdrawn = stored.pin();
      withdrawn.clear_stays();
      withdrawn.clear_standing();
      withdrawn.set_version(version);
      *stored.mutable_pin() = withdrawn;
      changed.insert(number);
      State(withdrawn, work);
    }
  }
  for (auto& [setting_id, pin] : pins) {
    const std::string number = std::to_string(keys::PinSliceOf(setting_id));
    StoredPin& stored = PinOf(slices[number], setting_id);
    if (ContentOf(stored.pin()) == ContentOf(pin)) continue;
    pin.set_version(version);
    *stored.mutable_pin() = pin;
    changed.insert(number);
    State(pin, work);
  }
  for (const std::string& number : changed) {
    work.cells.SetMemberProto(keys::CasePins(record.case_id()), number, slices[number]);
  }
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
    const std::string before = record.SerializeAsString();
    RestatePins(person, record, work);
    if (record.SerializeAsString() != before) {
      work.cells.SetProto(keys::Case(record.case_id()), record);
    }
    return;
  }
  for (const std::string& case_id : person.case_ids()) {
    Event event;
    event.mutable_case_pins_continued()->set_case_id(case_id);
    event.mutable_case_pins_continued()->set_person_id(person_id);
    work.context.EmitToInbox(case_id, std::move(event));
  }
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
  const std::string before = record->SerializeAsString();
  RestatePins(LoadPerson(work.cells, continued.person_id()), *record, work);
  if (record->SerializeAsString() != before) {
    work.cells.SetProto(keys::Case(record->case_id()), *record);
  }
}

void Needs(const events::v1::SettingSearched& searched, NeedSet& needs) {
  needs.Member(keys::CasePins(searched.case_id()),
               std::to_string(keys::PinSliceOf(searched.setting_id())));
}

void Apply(const events::v1::SettingSearched& searched, Work& work) {
  const std::string cell = keys::CasePins(searched.case_id());
  const std::string number = std::to_string(keys::PinSliceOf(searched.setting_id()));
  auto slice = work.cells.GetMemberProto<PinSlice>(cell, number);
  if (!slice) return;
  auto& pins = *slice->mutable_pins();
  const auto at = std::find_if(pins.begin(), pins.end(), [&searched](const StoredPin& stored) {
    return stored.pin().setting_id() == searched.setting_id();
  });
  if (at == pins.end() || at->pin().version() != searched.pin_version()) return;
  const uint64_t answered = searched.begins() ? 0 : searched.pin_version();
  if (at->answered_version() == answered) return;
  at->set_answered_version(answered);
  if (!searched.begins() && IsEmpty(at->pin())) pins.erase(at);
  if (pins.empty()) {
    work.cells.DeleteMember(cell, number);
  } else {
    work.cells.SetMemberProto(cell, number, *slice);
  }
}

}  // namespace epigrid::contact_tracing
