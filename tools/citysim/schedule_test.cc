#include "tools/citysim/schedule.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace epigrid::citysim {
namespace {

using std::chrono::hours;

constexpr Time kEnd = Time::FromSeconds(1'668'150'000);  // 11 November 2022, 15:00 in Shanghai

City MakeCity(uint64_t seed, uint32_t people = 5'000) {
  return City::Create({.seed = seed, .people = people, .end = kEnd}).value();
}

std::string Print(const Presence& presence) {
  return SourceIdOf(presence) + " " + std::to_string(presence.place) + " " +
         std::to_string(presence.check_in.micros) + " " +
         std::to_string(presence.check_out.micros) + "\n";
}

std::vector<Presence> AllPresences(const City& city) {
  Schedule schedule(city);
  std::vector<Presence> all;
  for (int32_t day = schedule.first_day(); day <= schedule.last_day(); ++day) {
    schedule.VisitDay(day, [&](const Presence& presence) { all.push_back(presence); });
  }
  return all;
}

TEST(Schedule, IsAFunctionOfTheCity) {
  std::string first;
  std::string second;
  for (const Presence& presence : AllPresences(MakeCity(7, 500))) first += Print(presence);
  for (const Presence& presence : AllPresences(MakeCity(7, 500))) second += Print(presence);
  EXPECT_EQ(first, second);
}

TEST(Schedule, DoesNotDependOnTheOrderOfQuestions) {
  const City city = MakeCity(7, 500);
  Schedule schedule(city);
  const auto first = schedule.DayOf(100, schedule.last_day());
  schedule.DayOf(5, schedule.first_day());
  const auto second = schedule.DayOf(100, schedule.last_day());
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].from, second[i].from);
}

TEST(Schedule, SpansTheCitysDays) {
  const City city = MakeCity(1, 2'000);
  Time earliest = kEndOfTime;
  Time latest;
  for (const Presence& presence : AllPresences(city)) {
    earliest = std::min(earliest, presence.check_in);
    latest = std::max(latest, presence.check_in);
    if (presence.check_out.is_set()) {
      EXPECT_GT(presence.check_out, presence.check_in);
      EXPECT_LT(presence.check_out, city.end());
    }
  }
  EXPECT_GE(earliest, city.begin());
  EXPECT_LT(earliest, city.begin() + hours(1));
  EXPECT_LT(latest, city.end());
  EXPECT_GT(latest, city.end() - hours(1));
}

TEST(Schedule, VisitsFollowEachOther) {
  const City city = MakeCity(2, 3'000);
  Schedule schedule(city);
  for (PersonIndex person = 0; person < city.people().size(); ++person) {
    Time until;
    for (int32_t day = schedule.first_day(); day <= schedule.last_day(); ++day) {
      const auto& visits = schedule.DayOf(person, day);
      EXPECT_LE(visits.size(), 20U);
      for (const Visit& visit : visits) {
        ASSERT_GE(visit.from, until);
        ASSERT_GT(visit.until, visit.from);
        ASSERT_LT(visit.from, city.zone().StartOfDay(day + 1));
        until = visit.until;
      }
    }
  }
}

TEST(Schedule, HasThreeVenueCheckInsAPersonDayAndFewCheckOuts) {
  const City city = MakeCity(4);
  double venues = 0;
  double all = 0;
  double check_outs = 0;
  std::map<PlaceKind, int> kinds;
  for (const Presence& presence : AllPresences(city)) {
    const PlaceKind kind = city.places()[presence.place].kind;
    ++kinds[kind];
    venues += kind != PlaceKind::kWorkplace && kind != PlaceKind::kSchool ? 1 : 0;
    check_outs += presence.check_out.is_set() ? 1 : 0;
    ++all;
  }
  EXPECT_NEAR(venues / (city.people().size() * city.options().days), 3.0, 0.3);
  EXPECT_GT(check_outs / all, 0.1);
  EXPECT_LT(check_outs / all, 0.3);
  EXPECT_EQ(kinds.size(), kPlaceKindCount);
}

TEST(Schedule, WorkIsForWeekdays) {
  const City city = MakeCity(4, 2'000);
  Schedule schedule(city);
  std::map<bool, int> at_work;
  for (int32_t day = schedule.first_day(); day <= schedule.last_day(); ++day) {
    const bool weekend = (day + 3) % 7 >= 5;
    schedule.VisitDay(day, [&](const Presence& presence) {
      const PlaceKind kind = city.places()[presence.place].kind;
      at_work[weekend] += kind == PlaceKind::kWorkplace || kind == PlaceKind::kSchool ? 1 : 0;
    });
  }
  EXPECT_EQ(at_work[true], 0);
  EXPECT_GT(at_work[false], 10'000);
}

TEST(Schedule, SomeVenuesAreFarMorePopularThanOthers) {
  const City city = MakeCity(4);
  std::map<PlaceIndex, int> visits;
  for (const Presence& presence : AllPresences(city)) {
    if (city.places()[presence.place].kind == PlaceKind::kRestaurant) ++visits[presence.place];
  }
  std::vector<int> counts;
  for (const auto& [place, count] : visits) counts.push_back(count);
  std::ranges::sort(counts);
  EXPECT_GT(counts.back(), 5 * counts[counts.size() / 2] / 2);
}

TEST(Schedule, DependantsGoWithTheirGuardian) {
  const City city = MakeCity(4);
  Schedule schedule(city);
  int together = 0;
  for (PersonIndex person = 0; person < city.people().size(); ++person) {
    if (city.people()[person].occupation != Occupation::kInfant) continue;
    const auto own = schedule.DayOf(person, schedule.first_day() + 1);
    const auto& guardians =
        schedule.DayOf(city.people()[person].guardian, schedule.first_day() + 1);
    std::set<std::pair<Time, PlaceIndex>> places;
    for (const Visit& visit : guardians) places.emplace(visit.from, visit.place);
    for (const Visit& visit : own) {
      EXPECT_TRUE(places.contains({visit.from, visit.place}));
      ++together;
    }
  }
  EXPECT_GT(together, 50);
}

TEST(Schedule, IsVisitedInOrderOfTime) {
  const City city = MakeCity(4, 1'000);
  Schedule schedule(city);
  std::multiset<std::string> sorted;
  std::multiset<std::string> unsorted;
  Time last;
  schedule.VisitDayInOrder(schedule.first_day() + 1, [&](const Presence& presence) {
    EXPECT_GE(presence.check_in, last);
    last = presence.check_in;
    sorted.insert(Print(presence));
  });
  schedule.VisitDay(schedule.first_day() + 1,
                    [&](const Presence& presence) { unsorted.insert(Print(presence)); });
  EXPECT_EQ(sorted, unsorted);
}

TEST(Schedule, NamesEveryPresenceOnce) {
  std::set<std::string> names;
  for (const Presence& presence : AllPresences(MakeCity(4, 1'000))) {
    EXPECT_TRUE(names.insert(SourceIdOf(presence)).second);
  }
}

}  // namespace
}  // namespace epigrid::citysim
