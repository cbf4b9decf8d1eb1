// Schedule: where people of a city are on a day, and what of it is seen as check-ins.
//
//   Schedule schedule(city);
//   schedule.VisitDay(day, [&](const Presence& presence) { ... });
//
// A person's day is a function of city, person and day: work or school, the way there by metro for
// those who ride it, lunch, errands and evenings; other places at the weekend; old people go out
// early; dependants go with their guardian. Three venues a person-day on average. People go to a
// few favourite places, near home or work and more often popular ones, and sometimes elsewhere.
//
// Threads: a Schedule is used by one at a time; several may share a City.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tools/citysim/city.h"

namespace epigrid::citysim {

// Where a person really is.
struct Visit {
  PlaceIndex place = 0;
  Time from;
  Time until;
  bool checks_out = false;  // the check-in is always seen, the check-out seldom
};

// What is seen of it.
struct Presence {
  PersonIndex person = 0;
  PlaceIndex place = 0;
  Time check_in;
  Time check_out;       // not set: nobody checked out, or not before the city's end
  int32_t day = 0;      // local day, in days since 1970-01-01, and
  uint32_t number = 0;  // which of the person's visits of that day: together they name the presence
};

class Schedule {
 public:
  explicit Schedule(const City& city) : city_(city) {}

  // A person's visits on a local day, in order, one after the other. Valid until the next call.
  const std::vector<Visit>& DayOf(PersonIndex person, int32_t day);

  // The local days that the city's time spans: the first and the last may be cut by its begin and
  // end.
  int32_t first_day() const { return city_.zone().LocalDay(city_.begin()); }
  int32_t last_day() const { return city_.zone().LocalDay(city_.end() - Duration(1)); }

  // All presences that begin on a local day and in [begin, end) of the city, person by person.
  void VisitDay(int32_t day, const std::function<void(const Presence&)>& visitor);
  // The same, in order of check-in; keeps one day in memory (40 bytes a presence).
  void VisitDayInOrder(int32_t day, const std::function<void(const Presence&)>& visitor);

 private:
  const City& city_;
  std::vector<Visit> visits_;
};

// "3-19300-2": the presence's id at its source.
std::string SourceIdOf(const Presence& presence);

}  // namespace epigrid::citysim
