#include "tools/citysim/epidemic.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "tools/citysim/random.h"

namespace epigrid::citysim {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

// Chances of infection. A household of an infectious person: some 12 % over the week, near the
// published 9 % and more.
constexpr uint32_t kHouseholdPerMilleADay = 25;
constexpr uint32_t kAsymptomaticPerMille = 300;
constexpr uint32_t kIllAreTestedPerMille = 850;
constexpr Duration kInfectiousFor = days(8);
constexpr uint32_t kCandidates = 400;

// Parts per million for each minute together.
uint64_t ChanceAMinute(PlaceKind kind) {
  switch (kind) {
    case PlaceKind::kWorkplace:
    case PlaceKind::kSchool: return 15;
    case PlaceKind::kRestaurant: return 60;
    case PlaceKind::kGym:
    case PlaceKind::kCinema: return 50;
    case PlaceKind::kPark: return 5;
    default: return 20;
  }
}

// A time of that local day, in whole minutes.
Time TimeOfDay(const City& city, int32_t day, int32_t from_hour, int32_t until_hour,
               Random& random) {
  return city.zone().StartOfDay(day) + minutes(random.Between(from_hour * 60, until_hour * 60 - 1));
}

// Which suits the story better: lives with others, best a dependant; has colleagues, not too many;
// goes out.
uint32_t StoryScore(const City& city, Schedule& schedule, PersonIndex person) {
  const Person& who = city.people()[person];
  if (who.occupation != Occupation::kWorker) return 0;
  const Household& household = city.households()[who.household];
  bool dependant = false;
  for (uint32_t i = 0; i < household.size; ++i) {
    dependant |= city.people()[household.first_member + i].guardian != kNone;
  }
  uint32_t venues = 0;
  for (int32_t day = schedule.last_day() - 3; day <= schedule.last_day(); ++day) {
    for (const Visit& visit : schedule.DayOf(person, day)) {
      const PlaceKind kind = city.places()[visit.place].kind;
      venues += kind != PlaceKind::kWorkplace && visit.until < city.end() ? 1 : 0;
    }
  }
  const uint32_t colleagues = city.places()[who.workplace].capacity;
  return 1 + (household.size >= 3 ? 100 : 0) + (dependant ? 50 : 0) +
         (colleagues >= 8 && colleagues <= 40 ? 40 : 0) + std::min<uint32_t>(venues, 12) * 5;
}

}  // namespace

Epidemic Epidemic::Run(const City& city, const EpidemicOptions& options) {
  EPIGRID_CHECK(options.introductions >= 1, "an epidemic needs an introduction");
  Epidemic epidemic(city, options);
  epidemic.ChooseIndexCase();
  epidemic.BringIn();
  for (int32_t day = epidemic.schedule_.first_day(); day <= epidemic.schedule_.last_day(); ++day) {
    epidemic.Spread(day);
  }
  return epidemic;
}

void Epidemic::ChooseIndexCase() {
  Random random(city_.options().seed, RandomUse::kIntroductions, 1);
  uint32_t best = 0;
  for (uint32_t i = 0; i < kCandidates; ++i) {
    const auto person = static_cast<PersonIndex>(random.Below(city_.people().size()));
    const uint32_t score = StoryScore(city_, schedule_, person);
    if (i == 0 || score > best) {
      best = score;
      index_case_.person = person;
    }
  }
  const Time end{city_.end().micros - city_.end().micros % 60'000'000};
  index_case_.onset = end - hours(30);
  index_case_.sampled = end - hours(6);
  index_case_.reported = end - minutes(1);
}

// The others came in the first days, so that something has happened when the city is looked at.
void Epidemic::BringIn() {
  const auto add = [&](const Infection& infection) {
    if (infection_of_.try_emplace(infection.person, infections_.size()).second) {
      infections_.push_back(infection);
    }
  };
  add({.person = index_case_.person,
       .infector = kNone,
       .place = kNone,
       .infected = index_case_.onset - days(4),
       .infectious_from = index_case_.onset - days(2),
       .infectious_until = index_case_.onset + kInfectiousFor,
       .onset = index_case_.onset,
       .sampled = index_case_.sampled,
       .reported = index_case_.reported});
  Random random(city_.options().seed, RandomUse::kIntroductions, 2);
  for (uint32_t i = 1; i < options_.introductions; ++i) {
    const auto person = static_cast<PersonIndex>(random.Below(city_.people().size()));
    const int32_t day =
        schedule_.first_day() + static_cast<int32_t>(random.Below((city_.options().days + 1) / 2));
    if (infection_of_.contains(person)) continue;
    Infect(person, kNone, kNone, TimeOfDay(city_, day, 8, 20, random));
  }
}

void Epidemic::Infect(PersonIndex person, PersonIndex infector, PlaceIndex place, Time when) {
  if (!infection_of_.try_emplace(person, infections_.size()).second) return;
  Random random(city_.options().seed, RandomUse::kInfection, person);
  Infection infection;
  infection.person = person;
  infection.infector = infector;
  infection.place = place;
  infection.infected = when;
  const Duration incubation = hours(random.Between(60, 132));
  if (!random.Chance(kAsymptomaticPerMille)) infection.onset = when + incubation;
  infection.infectious_from = when + incubation - hours(random.Between(24, 48));
  infection.infectious_until = infection.infectious_from + kInfectiousFor;
  Detect(infection);
  infections_.push_back(infection);
}

// The first sample that is positive: because of symptoms, or by screening.
void Epidemic::Detect(Infection& infection) const {
  Random random(city_.options().seed, RandomUse::kInfection, infection.person, 1);
  std::optional<Sample> first;
  if (infection.onset.is_set() && random.Chance(kIllAreTestedPerMille)) {
    const Time sampled = infection.onset + minutes(random.Between(6 * 60, 36 * 60));
    first = Sample{sampled, sampled + minutes(random.Between(4 * 60, 9 * 60))};
  }
  const int32_t last = city_.zone().LocalDay(infection.infectious_until);
  for (int32_t day = city_.zone().LocalDay(infection.infectious_from); day <= last; ++day) {
    Sample screening;
    if (!Screened(infection.person, day, screening)) continue;
    if (screening.sampled < infection.infectious_from) continue;
    if (screening.sampled >= infection.infectious_until) break;
    if (!first || screening.sampled < first->sampled) first = screening;
    break;
  }
  if (first && first->reported < city_.end()) {
    infection.sampled = first->sampled;
    infection.reported = first->reported;
  }
}

bool Epidemic::Screened(PersonIndex person, int32_t day, Sample& sample) const {
  Random random(city_.options().seed, RandomUse::kScreening, person, static_cast<uint64_t>(day));
  if (!random.Chance(options_.screened_per_mille)) return false;
  sample.sampled = TimeOfDay(city_, day, 7, 19, random);
  sample.reported = sample.sampled + minutes(random.Between(4 * 60, 10 * 60));
  return true;
}

Time Epidemic::IsolatedFrom(PersonIndex person) const {
  const auto found = infection_of_.find(person);
  if (found == infection_of_.end()) return kEndOfTime;
  const Infection& infection = infections_[found->second];
  return infection.reported.is_set() ? infection.reported : kEndOfTime;
}

void Epidemic::Spread(int32_t day) {
  const Time begin = city_.zone().StartOfDay(day);
  const Time end = city_.zone().StartOfDay(day + 1);
  std::vector<size_t> infectious;
  for (size_t i = 0; i < infections_.size(); ++i) {
    const Infection& infection = infections_[i];
    const Time until = std::min(infection.infectious_until, IsolatedFrom(infection.person));
    if (infection.infectious_from < end && until > begin) infectious.push_back(i);
  }
  if (infectious.empty()) return;
  InfectHouseholds(day, infectious);
  InfectVisitors(day, infectious);
}

void Epidemic::InfectHouseholds(int32_t day, const std::vector<size_t>& infectious) {
  for (const size_t i : infectious) {
    const PersonIndex infector = infections_[i].person;
    const Household& household = city_.households()[city_.people()[infector].household];
    for (uint32_t member = 0; member < household.size; ++member) {
      const PersonIndex person = household.first_member + member;
      Random random(city_.options().seed, RandomUse::kTransmission, person,
                    static_cast<uint64_t>(day) << 32 | infector);
      if (person == infector || !random.Chance(kHouseholdPerMilleADay)) continue;
      Infect(person, infector, kNone, TimeOfDay(city_, day, 19, 23, random));
    }
  }
}

void Epidemic::InfectVisitors(int32_t day, const std::vector<size_t>& infectious) {
  struct Shedding {
    PersonIndex person;
    Time from;
    Time until;
  };
  std::unordered_map<PlaceIndex, std::vector<Shedding>> sheddings;
  for (const size_t i : infectious) {
    const Infection& infection = infections_[i];
    const Time until = std::min(infection.infectious_until, IsolatedFrom(infection.person));
    for (const Visit& visit : schedule_.DayOf(infection.person, day)) {
      const Time from = std::max(visit.from, infection.infectious_from);
      const Time leaves = std::min(visit.until, until);
      if (from < leaves) sheddings[visit.place].push_back({infection.person, from, leaves});
    }
  }
  if (sheddings.empty()) return;
  for (PersonIndex person = 0; person < city_.people().size(); ++person) {
    if (infection_of_.contains(person)) continue;
    Random random(city_.options().seed, RandomUse::kTransmission, person,
                  static_cast<uint64_t>(day));
    for (const Visit& visit : schedule_.DayOf(person, day)) {
      const auto found = sheddings.find(visit.place);
      if (found == sheddings.end()) continue;
      for (const Shedding& shedding : found->second) {
        const Time from = std::max(visit.from, shedding.from);
        const Duration together = std::min(visit.until, shedding.until) - from;
        if (together <= Duration(0)) continue;
        const auto whole_minutes =
            static_cast<uint64_t>(std::chrono::floor<minutes>(together).count());
        const PlaceKind kind = city_.places()[visit.place].kind;
        if (random.ChancePerMillion(whole_minutes * ChanceAMinute(kind))) {
          Infect(person, shedding.person, visit.place, from);
        }
      }
    }
  }
}

void Epidemic::VisitTests(const std::function<void(const TestResult&)>& visitor) const {
  std::vector<TestResult> tests;
  uint32_t number = 0;
  for (int32_t day = schedule_.first_day(); day <= schedule_.last_day(); ++day) {
    tests.clear();
    for (const Infection& infection : infections_) {
      if (!infection.sampled.is_set() || city_.zone().LocalDay(infection.sampled) != day) continue;
      tests.push_back({.person = infection.person,
                       .positive = true,
                       .sampled = infection.sampled,
                       .reported = infection.reported});
    }
    for (PersonIndex person = 0; person < city_.people().size(); ++person) {
      Sample sample;
      if (!Screened(person, day, sample)) continue;
      // An infectious person's first positive sample stands above, and ends the screening.
      const auto found = infection_of_.find(person);
      if (found != infection_of_.end() &&
          sample.sampled >= infections_[found->second].infectious_from) {
        continue;
      }
      tests.push_back({.person = person,
                       .positive = false,
                       .sampled = sample.sampled,
                       .reported = sample.reported});
    }
    std::ranges::sort(tests, [](const TestResult& a, const TestResult& b) {
      return a.sampled != b.sampled ? a.sampled < b.sampled : a.person < b.person;
    });
    for (TestResult& test : tests) {
      if (test.sampled < city_.begin() || test.reported >= city_.end()) continue;
      test.number = ++number;
      visitor(test);
    }
  }
}

}  // namespace epigrid::citysim
