#include "services/contact_tracing/domain/pin_builder.h"

#include <algorithm>

#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/setting_match.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

using events::v1::PinStated;
using events::v1::Stay;
using state::v1::PresenceDay;
using state::v1::StoredPin;
using state::v1::StoredStay;

constexpr uint32_t kContactDegree = 1;
// So that a pin stays well below what a record of the log may hold.
constexpr int kStaysPerPinMax = 4096;

}  // namespace

Pins PinBuilder::Build(const PinSlices& stated) const {
  const TimeZone& zone = work_.policy.zone;
  const auto& days = person_.days();
  Pins pins;
  for (const auto& [number, slice] : stated) {
    for (const StoredPin& stored : slice.pins()) {
      for (const Stay& stay : stored.pin().stays()) {
        const int32_t day = zone.LocalDay(FromProto(stay.start_time()));
        if (std::binary_search(days.begin(), days.end(), day)) continue;
        AddStay(stored.pin().setting_id(), stay, pins);
      }
    }
  }
  for (const int32_t day : days) {
    const PresenceDay block = Day(day);
    for (const StoredStay& stay : block.stays()) AddStay(stay.setting_id(), stay.stay(), pins);
  }
  AddStanding(pins);
  return pins;
}

std::optional<PinStated> PinBuilder::Change(const std::string& setting_id,
                                            const std::set<int32_t>& days,
                                            const PinStated& stated) const {
  const PinStated fresh = NewPin(setting_id);
  if (!IsEmpty(stated) && !IsSame(stated.window(), fresh.window())) return std::nullopt;
  if (stated.stays_size() >= kStaysPerPinMax) return std::nullopt;  // there may be more
  Pins pins;
  for (const Stay& stay : stated.stays()) {
    if (days.contains(work_.policy.zone.LocalDay(FromProto(stay.start_time())))) continue;
    AddStay(setting_id, stay, pins);
  }
  for (const int32_t day : days) {
    const PresenceDay block = Day(day);
    for (const StoredStay& stay : block.stays()) {
      if (stay.setting_id() == setting_id) AddStay(setting_id, stay.stay(), pins);
    }
  }
  PinStated& pin = pins.try_emplace(setting_id, fresh).first->second;
  // As Build has them: by day, and within a day as its block does.
  std::stable_sort(pin.mutable_stays()->begin(), pin.mutable_stays()->end(),
                   [](const Stay& a, const Stay& b) {
                     return FromProto(a.start_time()) < FromProto(b.start_time());
                   });
  if (!stated.standing().empty()) {
    *pin.mutable_standing() = stated.standing();
    pin.set_category(stated.category());
  }
  return pin;
}

const Span& PinBuilder::WindowIn(const std::string& setting_id) const {
  const auto& memberships = person_.memberships();
  const bool lives_there =
      std::any_of(memberships.begin(), memberships.end(),
                  [&](const auto& member) { return member.household_id() == setting_id; });
  return lives_there ? windows_.household : windows_.venues;
}

PinStated PinBuilder::NewPin(const std::string& setting_id) const {
  PinStated pin;
  pin.set_setting_id(setting_id);
  pin.set_case_id(record_.case_id());
  pin.set_index_person_id(record_.person_id());
  pin.set_degree(kContactDegree);
  *pin.mutable_window() = ToInterval(WindowIn(setting_id));
  return pin;
}

PinStated& PinBuilder::Pin(const std::string& setting_id, Pins& pins) const {
  const auto [at, is_new] = pins.try_emplace(setting_id);
  if (is_new) at->second = NewPin(setting_id);
  return at->second;
}

PresenceDay PinBuilder::Day(int32_t day) const {
  return work_.cells.GetProto<PresenceDay>(keys::PresenceDay(record_.person_id(), day))
      .value_or(PresenceDay());
}

void PinBuilder::AddStay(const std::string& setting_id, const Stay& stay, Pins& pins) const {
  const Span& window = WindowIn(setting_id);
  const Time start = FromProto(stay.start_time());
  const Time end = stay.has_end_time() ? FromProto(stay.end_time()) : start + work_.policy.stay_cap;
  if (window.from >= window.until || start >= window.until || end <= window.from) return;
  PinStated& pin = Pin(setting_id, pins);
  if (pin.stays_size() >= kStaysPerPinMax) return work_.context.Ignore("PIN_LIMIT");
  Stay& pinned = *pin.add_stays();
  pinned = stay;
  // It tells apart a person's stays for corrections; a pin is replaced as a whole.
  pinned.clear_key();
}

void PinBuilder::AddStanding(Pins& pins) const {
  const Spans separations = ToSpans(person_.separations());
  for (const state::v1::Membership& membership : person_.memberships()) {
    const Span& window = windows_.household;
    if (window.from >= window.until) return;
    const Spans lives = ToSpans(membership.intervals());
    for (const Span& span : Intersect(Subtract(lives, separations), {window})) {
      PinStated& pin = Pin(membership.household_id(), pins);
      *pin.add_standing() = ToInterval(span);
      pin.set_category(v1::SETTING_CATEGORY_HOUSEHOLD);
    }
  }
}

}  // namespace epigrid::contact_tracing
