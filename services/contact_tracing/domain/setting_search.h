// SettingSearch: matches the people of a setting with the cases pinned to it, over the cells of the
// setting's shard, and tells both sides what has changed.
//
// A pin is searched for in one event if it concerns few people; else it is cut into parts, each a
// PinSearchContinued of its own to the same shard, all emitted at once. A part of a pin that has
// changed since, or in a setting that has, does nothing: the newer search covers everybody who is
// there or was matched before.
//
// Threads: none; keeps nothing.
#pragma once

#include <string>
#include <vector>

#include "services/contact_tracing/domain/setting_match.h"
#include "services/contact_tracing/domain/work.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {

// People matched in one event: leaves room for the pin, the setting and the presence that caused it
// within kWritesPerEventMax.
inline constexpr size_t kPeoplePerPart = 12;

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

  // Matches these people with a pin, here or in parts. `answer`: then tells the case's shard,
  // unless there are stays in a setting that was never made known, and forgets the pin if it is a
  // withdrawal. True: the pin was forgotten.
  bool Search(const events::v1::PinStated& pin, const std::vector<std::string>& people,
              bool answer);

  // Everybody whom the pin may concern: with stays near its own, with standing presence, or matched
  // before; in order. The cells of NeedsPeople must be loaded.
  std::vector<std::string> People(const events::v1::PinStated& pin) const;

  static void NeedsPerson(const TracingPolicy& policy, const std::string& setting_id,
                          const state::v1::TracedSetting& setting, const events::v1::PinStated& pin,
                          const std::string& person_id, NeedSet& needs);
  // Also names what Search needs, as long as those people fit into one event.
  static void NeedsPeople(const TracingPolicy& policy, const std::string& setting_id,
                          const state::v1::TracedSetting& setting, const events::v1::PinStated& pin,
                          NeedSet& needs);

  // Tells the case's shard that what was answered for the pin does not hold, and searches anew.
  void SearchAnew(const events::v1::PinStated& pin);

 private:
  void Continue(const events::v1::PinStated& pin, const std::vector<std::string>& people,
                bool answer);
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
      Continue(pin, {person_id}, false);
    } else if (Rematch(pin, Pinned(rule_, pin), person_id)) {
      ++changed;
    }
  }
}

}  // namespace epigrid::contact_tracing
