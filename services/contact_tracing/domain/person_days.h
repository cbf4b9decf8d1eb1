// PersonDays: a person's presence by local day while one event is applied: puts stays in and takes
// them out, keeps each one's next start right, and states to the settings what has changed.
//
//   PersonDays days(work, person_id, person);
//   days.Remove(old_day, key);
//   days.Put(day, stay);
//   days.Save();    // cells, timers, and StaysStated for every (setting, day) that changed
//
// The blocks of DaysAround every start that is put or removed must be loaded.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "epigrid/contact_tracing/state/v1/state.pb.h"
#include "services/contact_tracing/domain/work.h"

namespace epigrid::contact_tracing {

class PersonDays {
 public:
  // By setting, the local days on which they began.
  using Stays = std::map<std::string, std::set<int32_t>>;

  PersonDays(Work& work, std::string person_id, state::v1::TracedPerson& person)
      : work_(work), person_id_(std::move(person_id)), person_(person) {}

  // The local days on which a stay may lie whose next start is this one, or that is this one's
  // next.
  static std::vector<int32_t> DaysAround(const TracingPolicy& policy, Time start);

  state::v1::PresenceDay& Day(int32_t day);
  // Takes the stay out, if it is there.
  std::optional<state::v1::StoredStay> Remove(int32_t day, const std::string& key);
  void Put(int32_t day, state::v1::StoredStay stay);
  void MarkChanged(int32_t day) { changed_.insert(day); }

  // True: a day was added to the person's days.
  bool Save();
  // Those that have changed.
  const Stays& restated() const { return restated_; }

 private:
  // Works out the next start of the stays that may have this one for it, and of those that begin
  // with it.
  void Relink(Time start);
  std::optional<Time> NextStart(Time start);
  void StateStays(const std::string& setting_id, int32_t day);
  // The block, if there is anything on that day.
  state::v1::PresenceDay* Find(int32_t day);

  Work& work_;
  const std::string person_id_;
  state::v1::TracedPerson& person_;
  std::map<int32_t, state::v1::PresenceDay> days_;
  std::set<int32_t> changed_;
  Stays restated_;
};

}  // namespace epigrid::contact_tracing
