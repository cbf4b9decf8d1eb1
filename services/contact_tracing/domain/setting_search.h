// SettingSearch: matches the people of a setting with the cases pinned to it, over the cells of the
// setting's shard, and tells both sides what has changed.
//
// A pin is searched for in one event if it concerns few people; else they are cut into parts, each
// a PinSearchContinued of its own to the same shard, and if these are too many for one record, they
// are cut twice: so everybody is read once. So many are cut at once, and after them follows one
// that goes on with the next people, so that no event emits more, however great the crowd.
// A part of a pin that has changed since, or in a setting that has, does nothing: the newer search
// covers everybody who is there or was matched before.
//
// Threads: none; keeps nothing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "services/contact_tracing/domain/setting_match.h"
#include "services/contact_tracing/domain/work.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {

// People matched in one event: leaves room for the pin, the setting and the presence that caused it
// within kWritesPerEventMax.
inline constexpr size_t kPeoplePerPart = 12;
// People cut into parts that fill a record.
inline constexpr size_t kPeoplePerCut = kPeoplePerPart * kEventsPerRecordMax;
// People read and cut in one event.
inline constexpr size_t kPeopleAtOnce = kPeoplePerCut * kEventsPerRecordMax;

state::v1::TracedSetting LoadSetting(const CellReader& cells, const std::string& setting_id);
// Asks for the setting; its content once it is loaded.
std::optional<state::v1::TracedSetting> NeedSetting(const std::string& setting_id,
                                                    const CellReader& cells, NeedSet& needs);

class SettingSearch {
 public:
  SettingSearch(Work& work, std::string setting_id, const state::v1::TracedSetting& setting);

  // The cells of NeedsPerson must be loaded. True: the match changed, and one cell was written.
  bool Rematch(const events::v1::PinStated& pin, const PinnedPresence& index,
               const std::string& person_id);

  // Matches a person anew with every pin that `concerns`. The cells of NeedsPerson must be loaded
  // for each of those pins.
  template <typename Concerns>
  void RematchPerson(const std::string& person_id, const Concerns& concerns);

  // Matches everybody whom the pin may concern, from who comes after that one in order of id, here
  // or in parts; then tells the case's shard, unless there are stays in a setting that was never
  // made known, and forgets the pin if it is a withdrawal. True: the pin was forgotten. The cells
  // of NeedsPeople must be loaded.
  bool SearchAfter(const events::v1::PinStated& pin, const std::string& person_id);
  // A part of it; the end only if it is the last.
  bool SearchPart(const events::v1::PinStated& pin, const events::v1::PinSearchContinued& part);
  // Tells the case's shard that what was answered for the pin does not hold, and searches anew.
  void SearchAnew(const events::v1::PinStated& pin);

  static void NeedsPerson(const TracingPolicy& policy, const std::string& setting_id,
                          const state::v1::TracedSetting& setting, const events::v1::PinStated& pin,
                          const std::string& person_id, NeedSet& needs);
  // Also names what matching them needs, as long as they fit into one event.
  static void NeedsPeople(const TracingPolicy& policy, const std::string& setting_id,
                          const state::v1::TracedSetting& setting, const events::v1::PinStated& pin,
                          NeedSet& needs);

 private:
  // Whom the pin may concern: with stays near its own, with standing presence, or matched before.
  // The first `limit` after that one, in order.
  std::vector<std::string> PeopleAfter(const events::v1::PinStated& pin,
                                       const std::string& person_id, size_t limit) const;
  void MatchAll(const events::v1::PinStated& pin, const std::vector<std::string>& people);
  // Cuts them into parts; `is_end`: there are no others.
  void Cut(const events::v1::PinStated& pin, std::span<const std::string> people, bool is_end);
  // A part to be filled in.
  events::v1::PinSearchContinued NewPart(const events::v1::PinStated& pin) const;
  void Emit(events::v1::PinSearchContinued part);
  bool Finish(const events::v1::PinStated& pin);
  void Tell(const events::v1::PinStated& pin, bool begins);

  Work& work_;
  const std::string setting_id_;
  const state::v1::TracedSetting& setting_;
  const SettingRule rule_;
};

template <typename Concerns>
void SettingSearch::RematchPerson(const std::string& person_id, const Concerns& concerns) {
  size_t changed = 0;
  for (const auto& [case_id, bytes] : work_.cells.GetMembers(keys::Pins(setting_id_))) {
    const auto pin = *CellReader::ParseProto<events::v1::PinStated>(&bytes);
    if (pin.index_person_id() == person_id || !concerns(pin)) continue;
    if (changed == kPeoplePerPart) {
      events::v1::PinSearchContinued part = NewPart(pin);
      part.add_person_ids(person_id);
      Emit(std::move(part));
    } else if (Rematch(pin, Pinned(rule_, pin), person_id)) {
      ++changed;
    }
  }
}

}  // namespace epigrid::contact_tracing
