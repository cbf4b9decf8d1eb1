#include "tools/citysim/epidemic.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/fakes/brute_force_contacts.h"

namespace epigrid::citysim {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr Time kEnd = Time::FromSeconds(1'668'150'000);  // 11 November 2022, 15:00 in Shanghai

City MakeCity(uint64_t seed, uint32_t people = 5'000) {
  return City::Create({.seed = seed, .people = people, .end = kEnd}).value();
}

std::string Print(const Epidemic& epidemic) {
  std::string all;
  for (const Infection& infection : epidemic.infections()) {
    all += std::to_string(infection.person) + " " + std::to_string(infection.infector) + " " +
           std::to_string(infection.place) + " " + std::to_string(infection.infected.micros) + " " +
           std::to_string(infection.sampled.micros) + "\n";
  }
  epidemic.VisitTests([&](const TestResult& test) {
    all += std::to_string(test.person) + (test.positive ? "+" : "-") +
           std::to_string(test.sampled.micros) + "\n";
  });
  return all;
}

TEST(Epidemic, IsAFunctionOfTheCity) {
  const City city = MakeCity(7, 3'000);
  EXPECT_EQ(Print(Epidemic::Run(city, {})), Print(Epidemic::Run(MakeCity(7, 3'000), {})));
}

TEST(Epidemic, SpreadsOnlyAmongThoseWhoMeet) {
  const City city = MakeCity(7);
  const Epidemic epidemic = Epidemic::Run(city, {.introductions = 10});
  Schedule schedule(city);
  std::map<PersonIndex, Infection> infections;
  for (const Infection& infection : epidemic.infections()) {
    EXPECT_TRUE(infections.emplace(infection.person, infection).second) << "infected twice";
  }
  int at_home = 0;
  int elsewhere = 0;
  for (const Infection& infection : epidemic.infections()) {
    if (infection.infector == kNone) continue;
    ASSERT_TRUE(infections.contains(infection.infector));
    const Infection& infector = infections.at(infection.infector);
    EXPECT_LT(infection.infected, infector.infectious_until);
    if (infection.place == kNone) {
      EXPECT_EQ(city.people()[infection.person].household,
                city.people()[infection.infector].household);
      ++at_home;
      continue;
    }
    ++elsewhere;
    EXPECT_GE(infection.infected, infector.infectious_from);
    EXPECT_LT(infection.infected, epidemic.IsolatedFrom(infection.infector));
    const auto was_there = [&](PersonIndex person) {
      for (const Visit& visit : schedule.DayOf(person, city.zone().LocalDay(infection.infected))) {
        if (visit.place == infection.place && visit.from <= infection.infected &&
            visit.until > infection.infected) {
          return true;
        }
      }
      return false;
    };
    EXPECT_TRUE(was_there(infection.person));
    EXPECT_TRUE(was_there(infection.infector));
  }
  EXPECT_GT(at_home, 0);
  EXPECT_GT(elsewhere, 3);
  EXPECT_LT(epidemic.infections().size(), city.people().size() / 5);
}

TEST(Epidemic, TestsAreWithinTheDaysAndFindTheInfected) {
  const City city = MakeCity(7);
  const Epidemic epidemic = Epidemic::Run(city, {.introductions = 10, .screened_per_mille = 30});
  std::map<PersonIndex, Time> positives;
  std::set<uint32_t> numbers;
  int negatives = 0;
  epidemic.VisitTests([&](const TestResult& test) {
    EXPECT_GE(test.sampled, city.begin());
    EXPECT_GT(test.reported, test.sampled);
    EXPECT_LT(test.reported, city.end());
    EXPECT_TRUE(numbers.insert(test.number).second);
    if (test.positive) {
      EXPECT_TRUE(positives.emplace(test.person, test.sampled).second);
      EXPECT_EQ(test.reported, epidemic.IsolatedFrom(test.person));
    } else {
      EXPECT_FALSE(positives.contains(test.person)) << "a negative after the positive";
      ++negatives;
    }
  });
  EXPECT_NEAR(negatives, 5'000 * 14 * 0.030, 300);
  size_t found = 0;
  for (const Infection& infection : epidemic.infections()) {
    if (!infection.sampled.is_set()) continue;
    ++found;
    EXPECT_EQ(positives.at(infection.person), infection.sampled);
    EXPECT_GE(infection.sampled, infection.infectious_from);
  }
  EXPECT_EQ(found, positives.size());
  EXPECT_GE(found, 5U);
}

// The story of a demonstration: a household with a dependant, a workplace, and strangers at venues.
TEST(Epidemic, HasAnIndexCaseWithAStory) {
  for (const uint64_t seed : {1, 2, 3}) {
    const City city = MakeCity(seed, 8'000);
    const Epidemic epidemic = Epidemic::Run(city, {});
    const IndexCase& index = epidemic.index_case();
    const Person& who = city.people()[index.person];
    const Household& household = city.households()[who.household];
    EXPECT_EQ(who.occupation, Occupation::kWorker);
    EXPECT_GE(household.size, 3U);
    EXPECT_EQ(who.guardian, kNone);
    int dependants = 0;
    for (uint32_t i = 0; i < household.size; ++i) {
      dependants += city.people()[household.first_member + i].guardian != kNone ? 1 : 0;
    }
    EXPECT_GE(dependants, 1);
    EXPECT_LT(index.onset, index.sampled);
    EXPECT_LT(index.sampled, index.reported);
    EXPECT_LT(index.reported, city.end());

    std::vector<BruteForceContacts::Setting> settings;
    for (PlaceIndex i = 0; i < city.places().size(); ++i) {
      settings.push_back(
          {std::to_string(i), minutes(InfoOf(city.places()[i].kind).usual_stay_minutes)});
    }
    std::vector<BruteForceContacts::Presence> presences;
    Schedule schedule(city);
    for (int32_t day = schedule.last_day() - 5; day <= schedule.last_day(); ++day) {
      schedule.VisitDay(day, [&](const Presence& presence) {
        std::optional<Time> check_out;
        if (presence.check_out.is_set()) check_out = presence.check_out;
        presences.push_back({std::to_string(presence.person), std::to_string(presence.place),
                             presence.check_in, check_out});
      });
    }
    const BruteForceContacts contacts(settings, presences, "Asia/Shanghai");
    const Time from = city.zone().StartOfDay(city.zone().LocalDay(index.onset - days(2)));
    std::set<std::string> colleagues;
    std::set<std::string> strangers;
    for (const auto& [key, together] :
         contacts.Find(std::to_string(index.person), from, index.reported)) {
      (key.second == std::to_string(who.workplace) ? colleagues : strangers).insert(key.first);
    }
    EXPECT_GE(colleagues.size(), 3U);
    EXPECT_GE(strangers.size(), 20U);
    EXPECT_LE(strangers.size(), 1'500U);
    RecordProperty("contacts_of_seed_" + std::to_string(seed),
                   static_cast<int>(colleagues.size() + strangers.size()));
  }
}

TEST(Epidemic, WorksInTheSmallestCity) {
  const City city = MakeCity(1, 1);
  const Epidemic epidemic = Epidemic::Run(city, {.introductions = 5});
  EXPECT_EQ(epidemic.infections().size(), 1U);
  EXPECT_EQ(epidemic.index_case().person, 0U);
}

}  // namespace
}  // namespace epigrid::citysim
