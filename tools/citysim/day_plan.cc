#include "tools/citysim/day_plan.h"

#include <algorithm>

#include "tools/citysim/geography.h"

namespace epigrid::citysim {
namespace {

constexpr int32_t kMinute = 60;
constexpr int32_t kHour = 60 * kMinute;
constexpr int32_t kLastDeparture = 23 * kHour;
constexpr uint32_t kChecksOut = 120;        // of 1,000
constexpr uint32_t kChecksOutOfWork = 400;  // of 1,000: a badge
constexpr uint64_t kFavourites = 3;
constexpr int kDrawsForFavourite = 4;
constexpr int kDrawsForElsewhere = 2;

enum HabitKind : uint64_t { kRidesMetro, kGoesToGym };

}  // namespace

DayPlan::DayPlan(const City& city, PersonIndex person, int32_t day, std::vector<Visit>& visits)
    : city_(city),
      person_(person),
      who_(city.people()[person]),
      day_(day),
      weekday_((day % 7 + 7 + 3) % 7),  // 1 January 1970 was a Thursday
      midnight_(city.zone().StartOfDay(day)),
      home_(city.households()[who_.household].location),
      work_(who_.workplace == kNone ? home_ : city.places()[who_.workplace].location),
      random_(city.options().seed, RandomUse::kDay, person, static_cast<uint64_t>(day)),
      visits_(visits) {}

void DayPlan::Fill() {
  switch (who_.occupation) {
    case Occupation::kWorker:
    case Occupation::kStudent: return Weekend() ? FreeDay() : Worker();
    case Occupation::kPupil:
      if (!Weekend()) Pupil();
      return who_.guardian == kNone ? Evening() : WithGuardian();
    case Occupation::kInfant: return WithGuardian();
    case Occupation::kAtHome:
    case Occupation::kRetired:
      return Weekend() && who_.guardian == kNone && who_.age < 70 ? FreeDay() : OutOfWork();
  }
}

void DayPlan::Worker() {
  const bool rides = Habit(kRidesMetro, 450);
  NotBefore(7 * 60 + 50, 50);
  Go(PlaceKind::kConvenienceStore, home_, 300);
  if (rides) Go(PlaceKind::kMetroEntrance, home_, 1000);
  now_ += random_.Between(8, 30) * kMinute;
  const bool goes_out_for_lunch = random_.Chance(600);
  if (goes_out_for_lunch) {
    StayUntil(who_.workplace, 12 * kHour + random_.Between(-25, 25) * kMinute);
    Go(PlaceKind::kRestaurant, work_, 1000);
    Go(PlaceKind::kConvenienceStore, work_, 300);
    now_ += random_.Between(3, 12) * kMinute;
  }
  StayUntil(who_.workplace, 18 * kHour + random_.Between(-70, 80) * kMinute);
  if (rides) Go(PlaceKind::kMetroEntrance, work_, 950);
  Evening();
}

void DayPlan::Pupil() {
  NotBefore(7 * 60 + 45, 12);
  StayUntil(who_.workplace, 16 * kHour + random_.Between(0, 50) * kMinute);
}

void DayPlan::Evening() {
  const bool grown_up = who_.age >= 18;
  Go(PlaceKind::kRestaurant, home_, grown_up ? 300 : 150);
  if (grown_up && Habit(kGoesToGym, 120)) Go(PlaceKind::kGym, home_, 450);
  Go(PlaceKind::kSupermarket, home_, grown_up ? 480 : 200);
  Go(PlaceKind::kMall, home_, 120);
  Go(PlaceKind::kPark, home_, 180);
  Go(PlaceKind::kPharmacy, home_, 30);
  Go(PlaceKind::kHospital, home_, 10);
  Go(PlaceKind::kCinema, home_, 25);
  Go(PlaceKind::kConvenienceStore, home_, 450);
}

void DayPlan::FreeDay() {
  NotBefore(10 * 60 + 15, 75);
  const bool rides = random_.Chance(330);
  Go(PlaceKind::kPark, home_, 240);
  Go(PlaceKind::kSupermarket, home_, 420);
  if (rides) Go(PlaceKind::kMetroEntrance, home_, 1000);
  NotBefore(11 * 60 + 40, 20);
  Go(PlaceKind::kRestaurant, home_, 500);
  Go(PlaceKind::kMall, home_, 380);
  Go(PlaceKind::kCinema, home_, 70);
  Go(PlaceKind::kHospital, home_, 8);
  if (rides) Go(PlaceKind::kMetroEntrance, home_, 900);
  if (Habit(kGoesToGym, 120)) Go(PlaceKind::kGym, home_, 450);
  NotBefore(17 * 60 + 45, 30);
  Go(PlaceKind::kRestaurant, home_, 450);
  Go(PlaceKind::kConvenienceStore, home_, 480);
}

void DayPlan::OutOfWork() {
  // Dependants of old age go out less.
  const uint32_t often = who_.guardian == kNone ? 1000 : 500;
  NotBefore(7 * 60 + 20, 60);
  Go(PlaceKind::kPark, home_, 480 * often / 1000);
  Go(PlaceKind::kSupermarket, home_, 720 * often / 1000);
  Go(PlaceKind::kHospital, home_, who_.age >= 60 ? 60 : 15);
  Go(PlaceKind::kPharmacy, home_, 80);
  NotBefore(11 * 60 + 30, 25);
  Go(PlaceKind::kRestaurant, home_, 320 * often / 1000);
  NotBefore(14 * 60 + 30, 45);
  Go(PlaceKind::kPark, home_, 320 * often / 1000);
  Go(PlaceKind::kMall, home_, 180 * often / 1000);
  Go(PlaceKind::kMetroEntrance, home_, 250 * often / 1000);
  Go(PlaceKind::kSupermarket, home_, 250 * often / 1000);
  Go(PlaceKind::kConvenienceStore, home_, 450 * often / 1000);
}

// What the guardian visits after school and on free days, now and then with the child.
void DayPlan::WithGuardian() {
  if (who_.guardian == kNone) return;
  std::vector<Visit> visits;
  DayPlan(city_, who_.guardian, day_, visits).Fill();
  for (const Visit& visit : visits) {
    const PlaceKind kind = city_.places()[visit.place].kind;
    const bool for_children = kind == PlaceKind::kRestaurant || kind == PlaceKind::kSupermarket ||
                              kind == PlaceKind::kMall || kind == PlaceKind::kPark ||
                              kind == PlaceKind::kCinema || kind == PlaceKind::kMetroEntrance;
    const auto second = static_cast<int32_t>((visit.from - midnight_) / std::chrono::seconds(1));
    const bool free = second >= now_ && (Weekend() || second >= 16 * kHour);
    if (for_children && free && random_.Chance(600)) visits_.push_back(visit);
  }
}

bool DayPlan::Habit(uint64_t which, uint32_t per_mille) const {
  return Random(city_.options().seed, RandomUse::kTrait, person_, which).Chance(per_mille);
}

void DayPlan::NotBefore(int32_t minute, int32_t give_or_take) {
  const int32_t second =
      (minute + random_.Between(-give_or_take, give_or_take)) * kMinute + random_.Between(0, 59);
  now_ = std::max(now_, second);
}

void DayPlan::Go(PlaceKind kind, Point anchor, uint32_t per_mille) {
  if (!random_.Chance(per_mille)) return;
  // Who has not been out yet leaves home in the evening: pupils, and whoever is called out of bed
  // by nothing else.
  if (now_ == 0) NotBefore(17 * 60, 60);
  if (now_ > kLastDeparture) return;
  now_ += random_.Between(6 * kMinute, 22 * kMinute);
  const int32_t usual = InfoOf(kind).usual_stay_minutes;
  Stay(Choose(kind, anchor), random_.Between(usual * kMinute / 2, usual * kMinute * 3 / 2),
       kChecksOut);
}

PlaceIndex DayPlan::Choose(PlaceKind kind, Point anchor) {
  if (!random_.Chance(750)) return NearestOf(kind, anchor, kDrawsForElsewhere, random_);
  // Favourites near home are others than those near work.
  const uint64_t where = anchor.latitude_microdegrees == home_.latitude_microdegrees ? 0 : 1;
  const uint64_t slot = kind == PlaceKind::kMetroEntrance ? 0 : random_.Below(kFavourites);
  Random favourite(city_.options().seed, RandomUse::kFavourite, person_,
                   (static_cast<uint64_t>(kind) * 2 + where) * kFavourites + slot);
  return NearestOf(kind, anchor, kDrawsForFavourite, favourite);
}

PlaceIndex DayPlan::NearestOf(PlaceKind kind, Point anchor, int draws, Random& random) const {
  PlaceIndex nearest = kNone;
  int64_t distance = INT64_MAX;
  for (int i = 0; i < draws; ++i) {
    const PlaceIndex place = city_.PopularPlace(kind, random.Next());
    const int64_t to_place = SquaredDistance(anchor, city_.places()[place].location);
    if (to_place < distance) {
      distance = to_place;
      nearest = place;
    }
  }
  return nearest;
}

void DayPlan::Stay(PlaceIndex place, int32_t seconds, uint32_t checks_out_per_mille) {
  visits_.push_back({.place = place,
                     .from = midnight_ + std::chrono::seconds(now_),
                     .until = midnight_ + std::chrono::seconds(now_ + seconds),
                     .checks_out = random_.Chance(checks_out_per_mille)});
  now_ += seconds;
}

void DayPlan::StayUntil(PlaceIndex place, int32_t second) {
  // Who comes late stays at least an hour.
  Stay(place, std::max(kHour, second + random_.Between(0, 59) - now_), kChecksOutOfWork);
}

}  // namespace epigrid::citysim
