#include "tools/citysim/schedule.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/citysim/day_plan.h"

namespace epigrid::citysim {

const std::vector<Visit>& Schedule::DayOf(PersonIndex person, int32_t day) {
  visits_.clear();
  DayPlan(city_, person, day, visits_).Fill();
  return visits_;
}

void Schedule::VisitDay(int32_t day, const std::function<void(const Presence&)>& visitor) {
  for (PersonIndex person = 0; person < city_.people().size(); ++person) {
    uint32_t number = 0;
    for (const Visit& visit : DayOf(person, day)) {
      ++number;
      if (visit.from < city_.begin() || visit.from >= city_.end()) continue;
      const bool seen_leaving = visit.checks_out && visit.until < city_.end();
      visitor({.person = person,
               .place = visit.place,
               .check_in = visit.from,
               .check_out = seen_leaving ? visit.until : Time(),
               .day = day,
               .number = number});
    }
  }
}

void Schedule::VisitDayInOrder(int32_t day, const std::function<void(const Presence&)>& visitor) {
  std::vector<Presence> presences;
  presences.reserve(city_.people().size() * 5);
  VisitDay(day, [&](const Presence& presence) { presences.push_back(presence); });
  std::ranges::sort(presences, [](const Presence& a, const Presence& b) {
    return a.check_in != b.check_in ? a.check_in < b.check_in : a.person < b.person;
  });
  for (const Presence& presence : presences) visitor(presence);
}

std::string SourceIdOf(const Presence& presence) {
  return fmt::format("{}-{}-{}", presence.person, presence.day, presence.number);
}

}  // namespace epigrid::citysim
