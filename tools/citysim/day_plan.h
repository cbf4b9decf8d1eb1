// DayPlan: one person's one day, step by step. For schedule.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/citysim/random.h"
#include "tools/citysim/schedule.h"

namespace epigrid::citysim {

class DayPlan {
 public:
  DayPlan(const City& city, PersonIndex person, int32_t day, std::vector<Visit>& visits);

  // Appends the day's visits.
  void Fill();

 private:
  void Worker();
  void Pupil();
  void OutOfWork();
  void FreeDay();
  void WithGuardian();
  void Evening();

  bool Weekend() const { return weekday_ >= 5; }
  // A lasting habit of this person: the same answer every day.
  bool Habit(uint64_t which, uint32_t per_mille) const;
  // Nothing happens before this time of day, with some minutes more or less.
  void NotBefore(int32_t minute, int32_t give_or_take);
  // Goes to a place of that kind, near `anchor`, in so many of 1,000 cases.
  void Go(PlaceKind kind, Point anchor, uint32_t per_mille);
  PlaceIndex Choose(PlaceKind kind, Point anchor);
  // Popular and near: the nearest of some that are drawn by popularity.
  PlaceIndex NearestOf(PlaceKind kind, Point anchor, int draws, Random& random) const;
  void Stay(PlaceIndex place, int32_t seconds, uint32_t checks_out_per_mille);
  void StayUntil(PlaceIndex place, int32_t second);

  const City& city_;
  const PersonIndex person_;
  const Person& who_;
  const int32_t day_;
  const int32_t weekday_;  // 0 is Monday
  const Time midnight_;
  const Point home_;
  Point work_;
  Random random_;
  int32_t now_ = 0;  // seconds since local midnight
  std::vector<Visit>& visits_;
};

}  // namespace epigrid::citysim
