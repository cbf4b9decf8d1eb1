#include "tools/citysim/city.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/base/ids.h"
#include "services/identity/domain/documents.h"
#include "tools/citysim/geography.h"
#include "tools/citysim/random.h"

namespace epigrid::citysim {
namespace {

constexpr Time kEnd = Time::FromSeconds(1'668'150'000);  // 11 November 2022, 15:00 in Shanghai

City MakeCity(uint64_t seed, uint32_t people = 5'000) {
  return City::Create({.seed = seed, .people = people, .end = kEnd}).value();
}

std::string Print(const City& city) {
  std::string all;
  for (PersonIndex i = 0; i < city.people().size(); ++i) {
    const Person& person = city.people()[i];
    all += city.PersonIdOf(i) + city.NameOf(i) + city.ResidentIdOf(i) + city.ContactAddressOf(i) +
           std::to_string(person.household) + "," + std::to_string(person.workplace) + "\n";
  }
  for (const Place& place : city.places()) {
    all += std::to_string(place.location.latitude_microdegrees) + "," +
           std::to_string(place.location.longitude_microdegrees) + City::RegionCode(place.grid);
  }
  return all;
}

TEST(Random, GivesTheSameNumbersEverywhere) {
  Random random(1, RandomUse::kDay, 2, 3);
  const uint64_t first = random.Next();
  EXPECT_EQ(first, Random(1, RandomUse::kDay, 2, 3).Next());
  EXPECT_NE(first, Random(2, RandomUse::kDay, 2, 3).Next());
  EXPECT_NE(first, Random(1, RandomUse::kTrait, 2, 3).Next());
  EXPECT_NE(first, Random(1, RandomUse::kDay, 3, 2).Next());
  EXPECT_EQ(first, 0x1D8F01599E096D08U);
}

TEST(Random, IsEven) {
  std::map<int32_t, int> counts;
  Random random(1, RandomUse::kDay);
  for (int i = 0; i < 60'000; ++i) ++counts[random.Between(1, 6)];
  ASSERT_EQ(counts.size(), 6U);
  for (const auto& [value, count] : counts) EXPECT_NEAR(count, 10'000, 400) << value;
}

TEST(City, IsAFunctionOfItsOptions) {
  EXPECT_EQ(Print(MakeCity(7)), Print(MakeCity(7)));
  EXPECT_NE(Print(MakeCity(7)), Print(MakeCity(8)));
}

TEST(City, HasAsManyPeopleAsAskedFor) {
  for (const uint32_t people : {1U, 2U, 3U, 999U}) {
    const City city = MakeCity(1, people);
    EXPECT_EQ(city.people().size(), people);
    uint32_t members = 0;
    for (const Household& household : city.households()) {
      EXPECT_EQ(household.first_member, members);
      members += household.size;
    }
    EXPECT_EQ(members, people);
  }
}

TEST(City, HasHouseholdsLikeACity) {
  const City city = MakeCity(3, 20'000);
  std::map<uint32_t, double> sizes;
  for (const Household& household : city.households()) ++sizes[household.size];
  const auto count = static_cast<double>(city.households().size());
  EXPECT_NEAR(sizes[1] / count, 0.255, 0.02);
  EXPECT_NEAR(sizes[2] / count, 0.297, 0.02);
  EXPECT_NEAR(sizes[3] / count, 0.229, 0.02);
  EXPECT_GT(sizes[6], 0);
}

TEST(City, HasDependantsWithAGuardianInTheHousehold) {
  const City city = MakeCity(3, 20'000);
  int children = 0;
  int old = 0;
  for (PersonIndex i = 0; i < city.people().size(); ++i) {
    const Person& person = city.people()[i];
    if (person.age < 12) {
      EXPECT_NE(person.guardian, kNone);
    }
    EXPECT_EQ(city.ContactAddressOf(i).empty(), person.guardian != kNone);
    if (person.guardian == kNone) continue;
    const Person& guardian = city.people()[person.guardian];
    EXPECT_EQ(guardian.household, person.household);
    EXPECT_EQ(guardian.guardian, kNone);
    EXPECT_GE(guardian.age, 18);
    ++(person.age < 18 ? children : old);
  }
  EXPECT_GT(children, 1'000);
  EXPECT_GT(old, 50);
}

TEST(City, GivesEverybodyAValidNumberOfTheirOwn) {
  const City city = MakeCity(5, 20'000);
  std::set<std::string> numbers;
  for (PersonIndex i = 0; i < city.people().size(); ++i) {
    const std::string number = city.ResidentIdOf(i);
    ASSERT_EQ(number.size(), 18U);
    ASSERT_TRUE(numbers.insert(number).second);
    // GB 11643, by its weights; the city computes it another way.
    constexpr int kWeights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    for (int k = 0; k < 17; ++k) sum += (number[k] - '0') * kWeights[k];
    ASSERT_EQ(number[17], "10X98765432"[sum % 11]);
    // A prefecture that is not given out: nobody's number.
    EXPECT_GE(number.substr(2, 2), "66");
    EXPECT_LE(number.substr(2, 2), "70");
    EXPECT_EQ((number[16] - '0') % 2 == 0, city.people()[i].female);
  }
}

TEST(City, GivesDocumentsThatTheIdentityServiceTakes) {
  const City city = MakeCity(6);
  const std::chrono::sys_days today{std::chrono::days(city.zone().LocalDay(kEnd))};
  for (PersonIndex i = 0; i < city.people().size(); ++i) {
    identity::DocumentInput input;
    input.type = identity::DocumentType::kResidentId;
    input.number = city.ResidentIdOf(i);
    const auto document = identity::ParseDocument(input, today);
    ASSERT_TRUE(document.ok()) << document.status().ToString();
    EXPECT_EQ(document->birth_date->time_since_epoch().count(), city.BirthDayOf(i));
  }
}

TEST(City, GivesBirthDatesThatFitTheAges) {
  const City city = MakeCity(5);
  const int32_t today = city.zone().LocalDay(kEnd);
  for (PersonIndex i = 0; i < city.people().size(); ++i) {
    const int32_t days = today - city.BirthDayOf(i);
    EXPECT_GT(days, 0);
    EXPECT_NEAR(days / 365.25, city.people()[i].age + 0.5, 0.52);
  }
}

TEST(City, GivesIdsNamesAndLanguages) {
  const City city = MakeCity(5);
  EXPECT_EQ(CheckId(kPersonId, city.PersonIdOf(0), "person"), OkStatus());
  EXPECT_EQ(CheckId(kHouseholdId, city.HouseholdIdOf(0), "household"), OkStatus());
  EXPECT_EQ(CheckId(kSettingId, city.SettingIdOf(0), "setting"), OkStatus());
  std::map<std::string_view, int> languages;
  std::set<std::string> names;
  for (PersonIndex i = 0; i < city.people().size(); ++i) {
    ++languages[city.LanguageOf(i)];
    names.insert(city.NameOf(i));
  }
  EXPECT_EQ(languages.size(), 2U);
  EXPECT_GT(languages["zh"], 20 * languages["en"]);
  EXPECT_GT(languages["en"], 0);
  EXPECT_GT(names.size(), 2'500U);
}

TEST(City, GivesEveryWorkerAndPupilAPlace) {
  const City city = MakeCity(5, 20'000);
  std::map<PlaceIndex, uint32_t> heads;
  for (const Person& person : city.people()) {
    const bool works = person.occupation == Occupation::kWorker;
    const bool learns =
        person.occupation == Occupation::kPupil || person.occupation == Occupation::kStudent;
    ASSERT_EQ(person.workplace != kNone, works || learns);
    if (person.workplace == kNone) continue;
    ++heads[person.workplace];
    ASSERT_EQ(city.places()[person.workplace].kind,
              works ? PlaceKind::kWorkplace : PlaceKind::kSchool);
  }
  uint32_t largest = 0;
  for (const auto& [place, count] : heads) {
    EXPECT_LE(count, city.places()[place].capacity);
    largest = std::max(largest, count);
  }
  EXPECT_EQ(largest, 60U);
}

TEST(City, PrefersPopularPlaces) {
  const City city = MakeCity(5, 20'000);
  std::map<PlaceIndex, int> visits;
  Random random(1, RandomUse::kDay);
  for (int i = 0; i < 100'000; ++i) {
    const PlaceIndex place = city.PopularPlace(PlaceKind::kRestaurant, random.Next());
    ASSERT_EQ(city.places()[place].kind, PlaceKind::kRestaurant);
    ++visits[place];
  }
  EXPECT_EQ(visits.size(), 200U);
  EXPECT_GT(visits.begin()->second, 8 * visits.rbegin()->second);
}

TEST(City, LiesAroundItsCentreInRegionsThatNest) {
  EXPECT_EQ(City::RegionCode(0), "339801001001001");
  EXPECT_EQ(City::RegionCode(4), "339801001002001");
  EXPECT_EQ(City::RegionCode(20), "339801002001001");
  EXPECT_EQ(City::RegionCode(4 * 5 * 8), "339802001001001");
  // Communities do not overlap: each has a cell of the spiral of its own.
  std::set<std::pair<int32_t, int32_t>> cells;
  for (uint32_t community = 0; community < 400; ++community) {
    Random random(1, RandomUse::kPlaces, community);
    const Point point = PointInGrid(community * 4, random);
    cells.emplace((point.latitude_microdegrees - 30'250'000 + 5'400 * 100) / 5'400,
                  (point.longitude_microdegrees - 120'150'000 + 6'200 * 100) / 6'200);
  }
  EXPECT_EQ(cells.size(), 400U);
}

TEST(City, RefusesOptionsOutOfBounds) {
  const auto reason = [](CityOptions options) { return City::Create(options).status().reason(); };
  EXPECT_EQ(reason({.people = 0, .end = kEnd}), "CITY_OPTIONS_INVALID");
  EXPECT_EQ(reason({.people = 5'000'001, .end = kEnd}), "CITY_OPTIONS_INVALID");
  EXPECT_EQ(reason({.days = 0, .end = kEnd}), "CITY_OPTIONS_INVALID");
  EXPECT_EQ(reason({}), "CITY_OPTIONS_INVALID");
  EXPECT_EQ(reason({.end = kEnd, .zone = "Mars"}), "TIME_ZONE_UNKNOWN");
}

}  // namespace
}  // namespace epigrid::citysim
