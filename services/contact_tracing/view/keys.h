// Names of the cells of contact_tracing: which shard holds them, and what stands in them
// (protos/epigrid/contact_tracing/state/v1). The fold writes them, queries read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/shard.h"

namespace epigrid::contact_tracing::keys {

inline std::string Join(std::string_view prefix, std::string_view id) {
  std::string key;
  key.reserve(prefix.size() + id.size());
  key.append(prefix).append(id);
  return key;
}
inline std::string Join(std::string_view prefix, std::string_view id, int32_t day) {
  return Join(Join(prefix, id), ":").append(std::to_string(day));
}

// In every shard: StoredConfiguration.
inline std::string Configuration() { return "configuration"; }

// In a person's shard.
// TracedPerson.
inline std::string Person(std::string_view person_id) { return Join("person:", person_id); }
// PresenceDay.
inline std::string PresenceDay(std::string_view person_id, int32_t day) {
  return Join("presence-day:", person_id, day);
}
// [<source>/<source id>] PresenceState.
inline std::string Presences(std::string_view person_id) { return Join("presence:", person_id); }
// SharedSettings, for each case.
inline std::string Exposure(std::string_view person_id, std::string_view case_id) {
  return Join(Join("exposure:", person_id), ":").append(case_id);
}
// Index of case ids.
inline std::string ExposureIndex(std::string_view person_id) {
  return Join("exposure-index:", person_id);
}

// In a case's shard, which is its person's.
// CaseRecord.
inline std::string Case(std::string_view case_id) { return Join("case:", case_id); }
// [slice] PinSlice.
inline std::string CasePins(std::string_view case_id) { return Join("case-pins:", case_id); }
// Few, so that a change of all pins of a case fits into one event's writes.
inline constexpr uint32_t kPinSlices = 8;
inline std::string PinSliceOf(std::string_view setting_id) {
  return std::to_string(ShardOf(setting_id, kPinSlices));
}
// SharedSettings, for each contact.
inline std::string Contact(std::string_view case_id, std::string_view person_id) {
  return Join(Join("contact:", case_id), ":").append(person_id);
}
// Index of person ids.
inline std::string ContactIndex(std::string_view case_id) {
  return Join("contact-index:", case_id);
}

// In a setting's shard.
// TracedSetting.
inline std::string Setting(std::string_view setting_id) { return Join("setting:", setting_id); }
// [person] StaysStated, of stays that began on that local day.
inline std::string Stays(std::string_view setting_id, int32_t day) {
  return Join("stays:", setting_id, day);
}
// [person] StandingStated.
inline std::string Standing(std::string_view setting_id) { return Join("standing:", setting_id); }
// [case] PinStated, of those that what comes may concern; and of those of which all is forgotten,
// in slices, since there may be many of them after years.
inline std::string Pins(std::string_view setting_id) { return Join("pins:", setting_id); }
inline constexpr uint32_t kSettledPinSlices = 16;
inline std::string SettledPinSlice(std::string_view setting_id, uint32_t slice) {
  return Join(Join("settled-pins:", setting_id), ":").append(std::to_string(slice));
}
inline std::string SettledPins(std::string_view setting_id, std::string_view case_id) {
  return SettledPinSlice(setting_id, ShardOf(case_id, kSettledPinSlices));
}
// [person] MatchStated.
inline std::string Matches(std::string_view setting_id, std::string_view case_id) {
  return Join(Join("matches:", setting_id), ":").append(case_id);
}

// Timers.
inline constexpr std::string_view kPersonDayTimer = "forget-presence:";
inline constexpr std::string_view kStrayTimer = "forget-stray:";
inline constexpr std::string_view kSettingDayTimer = "forget-stays:";
inline std::string PersonDayTimer(std::string_view person_id, int32_t day) {
  return Join(kPersonDayTimer, person_id, day);
}
// Of the presence `key`, "<source>/<source id>".
inline std::string StrayTimer(std::string_view person_id, std::string_view key) {
  return Join(Join(kStrayTimer, person_id), "/").append(key);
}
inline std::string SettingDayTimer(std::string_view setting_id, int32_t day) {
  return Join(kSettingDayTimer, setting_id, day);
}

}  // namespace epigrid::contact_tracing::keys
