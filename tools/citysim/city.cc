#include "tools/citysim/city.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/citysim/geography.h"
#include "tools/citysim/population.h"
#include "tools/citysim/random.h"

namespace epigrid::citysim {
namespace {

constexpr uint32_t kPeopleMax = 5'000'000;
constexpr uint32_t kDaysMax = 365;
constexpr uint32_t kClassSize = 40;

constexpr std::array<PlaceKindInfo, kPlaceKindCount> kKinds{{
    {"workplace", "WORKPLACE", 540},
    {"school class", "SCHOOL", 420},
    {"restaurant", "CATERING", 60},
    {"supermarket", "SHOP", 30},
    {"convenience store", "SHOP", 10},
    {"metro entrance", "TRANSPORT", 20},
    {"mall", "SHOP", 120},
    {"park", "LEISURE", 60},
    {"gym", "LEISURE", 75},
    {"cinema", "LEISURE", 130},
    {"pharmacy", "HEALTH_CARE", 15},
    {"hospital", "HEALTH_CARE", 90},
}};

// How many venues of a kind a city has, and how many people fit in.
struct VenueCount {
  PlaceKind kind;
  uint32_t per_10_000_people;
  int32_t capacity_min;
  int32_t capacity_max;
};
constexpr VenueCount kVenues[] = {
    {PlaceKind::kRestaurant, 100, 20, 200},
    {PlaceKind::kSupermarket, 20, 50, 400},
    {PlaceKind::kConvenienceStore, 40, 5, 20},
    {PlaceKind::kMetroEntrance, 50, 100, 600},
    {PlaceKind::kMall, 4, 800, 6000},
    {PlaceKind::kPark, 6, 500, 5000},
    {PlaceKind::kGym, 6, 40, 150},
    {PlaceKind::kCinema, 2, 100, 900},
    {PlaceKind::kPharmacy, 6, 5, 15},
    {PlaceKind::kHospital, 2, 200, 2000},
};

Status CheckOptions(const CityOptions& options) {
  const auto refuse = [](std::string message) {
    return InvalidArgument("CITY_OPTIONS_INVALID", std::move(message));
  };
  if (options.people < 1 || options.people > kPeopleMax) {
    return refuse(fmt::format("people must be 1 to {}", kPeopleMax));
  }
  if (options.days < 1 || options.days > kDaysMax) {
    return refuse(fmt::format("days must be 1 to {}", kDaysMax));
  }
  if (options.end < Time::FromSeconds(946'684'800) ||
      options.end > Time::FromSeconds(4'102'444'800)) {
    return refuse("end must lie in the years 2000 to 2099");
  }
  return OkStatus();
}

// Few large and many small ones: the share of those with n or more falls as 1 / n, from 5 to 60.
uint32_t DrawTeamSize(Random& random) {
  return std::clamp<uint32_t>(static_cast<uint32_t>(5'000 / (random.Below(1000) + 1)), 5, 60);
}

// Nearer to the centre more often.
uint32_t DrawGrid(uint32_t grids, Random& random) {
  return static_cast<uint32_t>(std::min(random.Below(grids), random.Below(grids)));
}

}  // namespace

const PlaceKindInfo& InfoOf(PlaceKind kind) { return kKinds.at(static_cast<size_t>(kind)); }

Result<City> City::Create(CityOptions options) {
  EPIGRID_RETURN_IF_ERROR(CheckOptions(options));
  EPIGRID_ASSIGN_OR_RETURN(TimeZone zone, TimeZone::Load(options.zone));
  City city(std::move(options), std::move(zone));
  MakePopulation(city.options_.seed, city.options_.people, city.people_, city.households_);
  city.AssignWork();
  city.MakePlaces();
  return city;
}

// Workplaces are drawn until there is one for every worker; who works where is shuffled. Pupils of
// one age who live near each other share a class.
void City::AssignWork() {
  const uint32_t grids = households_.back().grid + 1;
  std::vector<PersonIndex> workers;
  std::array<std::vector<PersonIndex>, 256> learners_by_age;
  for (PersonIndex i = 0; i < people_.size(); ++i) {
    const Occupation occupation = people_[i].occupation;
    if (occupation == Occupation::kWorker) workers.push_back(i);
    if (occupation == Occupation::kPupil || occupation == Occupation::kStudent) {
      learners_by_age[people_[i].age].push_back(i);
    }
  }
  Random random(options_.seed, RandomUse::kWorkplaces);
  for (size_t i = workers.size(); i > 1; --i) std::swap(workers[i - 1], workers[random.Below(i)]);
  for (size_t next = 0; next < workers.size();) {
    const uint32_t size = DrawTeamSize(random);
    const uint32_t grid = DrawGrid(grids, random);
    places_.push_back({PlaceKind::kWorkplace, PointInGrid(grid, random), grid, size + size / 5});
    const size_t end = std::min<size_t>(next + size, workers.size());
    for (; next < end; ++next) {
      people_[workers[next]].workplace = static_cast<PlaceIndex>(places_.size() - 1);
    }
  }
  for (const std::vector<PersonIndex>& learners : learners_by_age) {
    for (size_t i = 0; i < learners.size(); ++i) {
      if (i % kClassSize == 0) {
        const uint32_t grid = households_[people_[learners[i]].household].grid;
        places_.push_back({PlaceKind::kSchool, PointInGrid(grid, random), grid, kClassSize + 5});
      }
      people_[learners[i]].workplace = static_cast<PlaceIndex>(places_.size() - 1);
    }
  }
}

void City::MakePlaces() {
  const uint32_t grids = households_.back().grid + 1;
  Random random(options_.seed, RandomUse::kPlaces);
  for (const VenueCount& venues : kVenues) {
    const uint64_t count =
        std::max<uint64_t>(1, uint64_t{options_.people} * venues.per_10_000_people / 10'000);
    Popularity& popularity = popularity_[static_cast<size_t>(venues.kind)];
    popularity.first = static_cast<PlaceIndex>(places_.size());
    uint64_t sum = 0;
    for (uint64_t rank = 0; rank < count; ++rank) {
      const uint32_t grid = DrawGrid(grids, random);
      places_.push_back(
          {venues.kind, PointInGrid(grid, random), grid,
           static_cast<uint32_t>(random.Between(venues.capacity_min, venues.capacity_max))});
      sum += 1'000'000'000 / (rank + 10 + count / 50);
      popularity.cumulative.push_back(sum);
    }
  }
}

PlaceIndex City::PopularPlace(PlaceKind kind, uint64_t random) const {
  const Popularity& popularity = popularity_[static_cast<size_t>(kind)];
  EPIGRID_CHECK(!popularity.cumulative.empty(), "places of this kind are chosen, not assigned");
  __extension__ using Wide = unsigned __int128;
  const auto drawn =
      static_cast<uint64_t>((static_cast<Wide>(random) * popularity.cumulative.back()) >> 64);
  const auto found = std::ranges::upper_bound(popularity.cumulative, drawn);
  return popularity.first + static_cast<PlaceIndex>(found - popularity.cumulative.begin());
}

}  // namespace epigrid::citysim
