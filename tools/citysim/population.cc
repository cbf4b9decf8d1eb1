#include "tools/citysim/population.h"

#include <algorithm>
#include <array>

#include "tools/citysim/geography.h"
#include "tools/citysim/random.h"

namespace epigrid::citysim {
namespace {

// Thousandths of households with 1, 2 ... 6 members: urban China, census of 2020, rounded.
constexpr std::array<uint32_t, 6> kHouseholdSizes{255, 297, 229, 124, 65, 30};
constexpr int32_t kAgeMax = 96;

struct Member {
  int32_t age = 0;
  bool female = false;
};

uint32_t DrawSize(Random& random) {
  uint64_t left = random.Below(1000);
  for (uint32_t i = 0; i < kHouseholdSizes.size(); ++i) {
    if (left < kHouseholdSizes[i]) return i + 1;
    left -= kHouseholdSizes[i];
  }
  return static_cast<uint32_t>(kHouseholdSizes.size());
}

void AddCouple(int32_t age, Random& random, std::vector<Member>& members) {
  members.push_back({age, true});
  members.push_back({age + random.Between(-1, 5), false});
}

void AddChild(int32_t age, Random& random, std::vector<Member>& members) {
  members.push_back({age, random.Chance(480)});
}

// Parents of somebody of that age.
void AddParent(int32_t age, Random& random, std::vector<Member>& members) {
  members.push_back({age + random.Between(22, 30), random.Chance(580)});
}

void AddSingle(Random& random, std::vector<Member>& members) {
  const uint64_t stage = random.Below(100);
  const int32_t age = stage < 60   ? random.Between(22, 44)
                      : stage < 75 ? random.Between(45, 59)
                                   : random.Between(60, 88);
  members.push_back({age, random.Chance(500)});
}

void AddPair(Random& random, std::vector<Member>& members) {
  const uint64_t kind = random.Below(100);
  if (kind < 75) {
    AddCouple(random.Between(24, 82), random, members);
  } else if (kind < 88) {
    const int32_t child = random.Between(0, 20);
    members.push_back({child + random.Between(22, 34), random.Chance(800)});
    AddChild(child, random, members);
  } else {
    const int32_t age = random.Between(22, 32);
    members.push_back({age, random.Chance(500)});
    members.push_back({age + random.Between(-3, 3), random.Chance(500)});
  }
}

// A couple with children and then as many of its parents as there is room for.
void AddFamily(uint32_t size, Random& random, std::vector<Member>& members) {
  const bool childless = size == 3 && random.Chance(200);
  const int32_t oldest = random.Between(0, 24);
  const int32_t mother = childless ? random.Between(26, 45) : oldest + random.Between(23, 33);
  AddCouple(mother, random, members);
  if (!childless) {
    AddChild(oldest, random, members);
    const bool second = size == 6 || (size == 4 && random.Chance(450));
    if (second) AddChild(std::max(0, oldest - random.Between(2, 7)), random, members);
  }
  while (members.size() < size) AddParent(mother, random, members);
}

Occupation OccupationAt(int32_t age, Random& random) {
  const uint64_t draw = random.Below(100);
  if (age < 3) return Occupation::kInfant;
  if (age < 18) return Occupation::kPupil;
  if (age < 22 && draw < 55) return Occupation::kStudent;
  if (age < 60) return draw < 82 ? Occupation::kWorker : Occupation::kAtHome;
  if (age < 65 && draw < 25) return Occupation::kWorker;
  return Occupation::kRetired;
}

// Children have no phone, nor do some of the old; a grown-up member of the household answers for
// them.
void SetGuardians(std::vector<Person>& people, const Household& household, Random& random) {
  const auto begin = people.begin() + household.first_member;
  const auto end = begin + household.size;
  const auto guardian = std::find_if(
      begin, end, [](const Person& person) { return person.age >= 18 && person.age < 70; });
  if (guardian == end) return;
  for (auto person = begin; person != end; ++person) {
    if (person == guardian) continue;
    const bool no_phone = person->age < 12 || (person->age < 16 && random.Chance(500)) ||
                          (person->age >= 70 && random.Chance(350));
    if (no_phone) person->guardian = static_cast<PersonIndex>(guardian - people.begin());
  }
}

}  // namespace

void MakePopulation(uint64_t seed, uint32_t count, std::vector<Person>& people,
                    std::vector<Household>& households) {
  people.reserve(count);
  std::vector<Member> members;
  while (people.size() < count) {
    const auto index = static_cast<HouseholdIndex>(households.size());
    Random random(seed, RandomUse::kHouseholds, index);
    members.clear();
    const uint32_t size = DrawSize(random);
    if (size == 1) {
      AddSingle(random, members);
    } else if (size == 2) {
      AddPair(random, members);
    } else {
      AddFamily(size, random, members);
    }
    // The last household takes who is left; grown-ups come first.
    members.resize(std::min<size_t>(members.size(), count - people.size()));
    const uint32_t grid = index / kHouseholdsPerGrid;
    households.push_back({static_cast<PersonIndex>(people.size()),
                          static_cast<uint32_t>(members.size()), PointInGrid(grid, random), grid});
    for (const Member& member : members) {
      const int32_t age = std::clamp(member.age, 0, kAgeMax);
      people.push_back({.household = index,
                        .workplace = kNone,
                        .guardian = kNone,
                        .age = static_cast<uint8_t>(age),
                        .occupation = OccupationAt(age, random),
                        .female = member.female});
    }
    SetGuardians(people, households.back(), random);
  }
}

}  // namespace epigrid::citysim
