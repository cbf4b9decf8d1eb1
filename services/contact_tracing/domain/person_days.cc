#include "services/contact_tracing/domain/person_days.h"

#include <algorithm>

#include "common/base/proto_time.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {

using state::v1::PresenceDay;
using state::v1::StoredStay;

std::vector<int32_t> PersonDays::DaysAround(const TracingPolicy& policy, Time start) {
  std::vector<int32_t> days;
  const int32_t last = policy.zone.LocalDay(start + kNextStartMax);
  for (int32_t day = policy.zone.LocalDay(start - kNextStartMax); day <= last; ++day) {
    days.push_back(day);
  }
  return days;
}

PresenceDay& PersonDays::Day(int32_t day) {
  const auto [at, is_new] = days_.try_emplace(day);
  if (is_new) {
    if (const std::string* bytes = work_.cells.Get(keys::PresenceDay(person_id_, day))) {
      EPIGRID_CHECK(at->second.ParseFromString(*bytes), "a cell does not parse");
    }
  }
  return at->second;
}

PresenceDay* PersonDays::Find(int32_t day) {
  const auto& days = person_.days();
  if (!days_.contains(day) && !std::binary_search(days.begin(), days.end(), day)) return nullptr;
  return &Day(day);
}

std::optional<StoredStay> PersonDays::Remove(int32_t day, const std::string& key) {
  auto& stays = *Day(day).mutable_stays();
  const auto at = std::find_if(stays.begin(), stays.end(),
                               [&key](const StoredStay& stay) { return stay.stay().key() == key; });
  if (at == stays.end()) return std::nullopt;
  StoredStay removed = *at;
  stays.erase(at);
  changed_.insert(day);
  restated_[removed.setting_id()].insert(day);
  Relink(FromProto(removed.stay().start_time()));
  return removed;
}

void PersonDays::Put(int32_t day, StoredStay stay) {
  const Time start = FromProto(stay.stay().start_time());
  restated_[stay.setting_id()].insert(day);
  auto& stays = *Day(day).mutable_stays();
  const auto at = std::find_if(stays.begin(), stays.end(), [&stay, start](const StoredStay& other) {
    return std::make_pair(start, std::string_view(stay.stay().key())) <
           std::make_pair(FromProto(other.stay().start_time()),
                          std::string_view(other.stay().key()));
  });
  const auto index = at - stays.begin();
  *stays.Add() = std::move(stay);
  std::rotate(stays.begin() + index, stays.end() - 1, stays.end());
  changed_.insert(day);
  Relink(start);
}

std::optional<Time> PersonDays::NextStart(Time start) {
  const TimeZone& zone = work_.policy.zone;
  const Time until = start + kNextStartMax;
  const int32_t last = zone.LocalDay(until);
  for (int32_t day = zone.LocalDay(start); day <= last; ++day) {
    const PresenceDay* block = Find(day);
    if (block == nullptr) continue;
    for (const StoredStay& stay : block->stays()) {
      const Time other = FromProto(stay.stay().start_time());
      if (other > until) return std::nullopt;
      if (other > start) return other;
    }
  }
  return std::nullopt;
}

void PersonDays::Relink(Time start) {
  const TimeZone& zone = work_.policy.zone;
  const Time from = start - kNextStartMax;
  const int32_t last = zone.LocalDay(start);
  for (int32_t day = zone.LocalDay(from); day <= last; ++day) {
    PresenceDay* block = Find(day);
    if (block == nullptr) continue;
    for (StoredStay& stored : *block->mutable_stays()) {
      events::v1::Stay& stay = *stored.mutable_stay();
      const Time other = FromProto(stay.start_time());
      if (other < from || other > start || stay.has_end_time()) continue;
      // Its next is before this one, which it is none of the business of.
      if (stay.has_next_start_time() && FromProto(stay.next_start_time()) < start) continue;
      const std::optional<Time> next = NextStart(other);
      if (next ? stay.has_next_start_time() && FromProto(stay.next_start_time()) == *next
               : !stay.has_next_start_time()) {
        continue;
      }
      if (next) {
        *stay.mutable_next_start_time() = ToProto(*next);
      } else {
        stay.clear_next_start_time();
      }
      changed_.insert(day);
      restated_[stored.setting_id()].insert(day);
    }
  }
}

void PersonDays::StateStays(const std::string& setting_id, int32_t day) {
  Event event;
  events::v1::StaysStated& stated = *event.mutable_stays_stated();
  stated.set_setting_id(setting_id);
  stated.set_person_id(person_id_);
  stated.set_day(day);
  for (const StoredStay& stay : Day(day).stays()) {
    if (stay.setting_id() == setting_id) *stated.add_stays() = stay.stay();
  }
  work_.context.EmitToInbox(setting_id, std::move(event));
}

bool PersonDays::Save() {
  bool added = false;
  for (const int32_t day : changed_) {
    work_.cells.SetProto(keys::PresenceDay(person_id_, day), Day(day));
    if (!InsertDay(*person_.mutable_days(), day)) continue;
    added = true;
    work_.cells.MoveTimer(keys::PersonDayTimer(person_id_, day), Time{},
                          work_.policy.ForgetAt(day));
  }
  for (const auto& [setting_id, days] : restated_) {
    for (const int32_t day : days) StateStays(setting_id, day);
  }
  return added;
}

}  // namespace epigrid::contact_tracing
