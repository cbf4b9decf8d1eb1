// City: a city that does not exist, made from a seed: people in households, workplaces, schools and
// places to go to.
//
//   EPIGRID_ASSIGN_OR_RETURN(City city, City::Create({.seed = 7, .people = 20'000, .end = now}));
//   for (PersonIndex i = 0; i < city.people().size(); ++i) {
//     Register(city.ResidentIdOf(i), city.NameOf(i), city.LanguageOf(i), city.ContactAddressOf(i));
//   }
//
// The same options give the same city, byte for byte. What can be told from the key (names,
// documents, what a person does on a day: schedule.h) is computed when asked for, so a city of a
// million people takes some 30 MB.
//
// Nobody is meant: the divisions in the identity numbers are codes that GB/T 2260 has not given
// out, with valid check digits, so no number belongs to a person. Ages, household sizes and
// occupations follow a Chinese city of the 2020 census in rough strokes.
//
// A City never changes after Create; it may be used from any number of threads.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/local_day.h"
#include "common/base/status.h"

namespace epigrid::citysim {

using PersonIndex = uint32_t;
using HouseholdIndex = uint32_t;
using PlaceIndex = uint32_t;
inline constexpr uint32_t kNone = UINT32_MAX;

struct CityOptions {
  uint64_t seed = 1;
  uint32_t people = 20'000;  // 1 to 5,000,000
  uint32_t days = 14;        // 1 to 365: what happens is told for the days before `end`
  Time end;                  // required
  std::string zone = "Asia/Shanghai";
};

// Thousandths of a thousandth of a degree: about 11 cm of latitude.
struct Point {
  int32_t latitude_microdegrees = 0;
  int32_t longitude_microdegrees = 0;
};

enum class Occupation : uint8_t { kInfant, kPupil, kStudent, kWorker, kAtHome, kRetired };

struct Person {
  HouseholdIndex household = 0;
  PlaceIndex workplace = kNone;  // or school
  PersonIndex guardian =
      kNone;        // set for dependants: they have no phone, the guardian (same household) has
  uint8_t age = 0;  // in years at the end
  Occupation occupation = Occupation::kInfant;
  bool female = false;
};

struct Household {
  PersonIndex first_member = 0;  // members follow each other
  uint32_t size = 0;
  Point location;
  uint32_t grid = 0;  // City::RegionCode
};

enum class PlaceKind : uint8_t {
  kWorkplace,  // one room or team of it
  kSchool,     // one class
  kRestaurant,
  kSupermarket,
  kConvenienceStore,
  kMetroEntrance,
  kMall,
  kPark,
  kGym,
  kCinema,
  kPharmacy,
  kHospital,
};
inline constexpr size_t kPlaceKindCount = 12;

struct Place {
  PlaceKind kind = PlaceKind::kWorkplace;
  Point location;
  uint32_t grid = 0;
  uint32_t capacity = 0;  // people
};

// What is the same for all places of a kind.
struct PlaceKindInfo {
  std::string_view name;      // "metro entrance"
  std::string_view category;  // SettingCategory of contact_tracing, without its prefix: "TRANSPORT"
  int32_t usual_stay_minutes;
};
const PlaceKindInfo& InfoOf(PlaceKind kind);

class City {
 public:
  // INVALID_ARGUMENT CITY_OPTIONS_INVALID, TIME_ZONE_UNKNOWN.
  static Result<City> Create(CityOptions options);

  const CityOptions& options() const { return options_; }
  const TimeZone& zone() const { return zone_; }
  Time begin() const { return options_.end - std::chrono::hours(24) * options_.days; }
  Time end() const { return options_.end; }

  const std::vector<Person>& people() const { return people_; }
  const std::vector<Household>& households() const { return households_; }
  const std::vector<Place>& places() const { return places_; }

  std::string PersonIdOf(PersonIndex person) const;
  std::string HouseholdIdOf(HouseholdIndex household) const;
  std::string SettingIdOf(PlaceIndex place) const;
  // A full name: mostly Chinese, a surname that the household's children share.
  std::string NameOf(PersonIndex person) const;
  // 18 characters, valid by GB 11643, different for everybody of one city.
  std::string ResidentIdOf(PersonIndex person) const;
  // In days since 1970-01-01.
  int32_t BirthDayOf(PersonIndex person) const;
  // "zh", and "en" for a few.
  std::string_view LanguageOf(PersonIndex person) const;
  // What a contact point's endpoint calls the person, opaque; empty for dependants.
  std::string ContactAddressOf(PersonIndex person) const;
  // "Restaurant 17".
  std::string PlaceNameOf(PlaceIndex place) const;
  // District, street, community and grid: 15 digits behind a city code that is not given out.
  static std::string RegionCode(uint32_t grid);

  // A place of that kind, the popular ones more often: rank r has the weight 1 / (r + 10 + n / 50).
  // `random` is a number of 64 even bits.
  PlaceIndex PopularPlace(PlaceKind kind, uint64_t random) const;

 private:
  explicit City(CityOptions options, TimeZone zone)
      : options_(std::move(options)), zone_(std::move(zone)) {}
  void MakePlaces();
  void AssignWork();

  // The places of a kind follow each other, most popular first.
  struct Popularity {
    PlaceIndex first = 0;
    std::vector<uint64_t> cumulative;  // weights up to and with each
  };

  CityOptions options_;
  TimeZone zone_;
  std::vector<Person> people_;
  std::vector<Household> households_;
  std::vector<Place> places_;
  std::array<Popularity, kPlaceKindCount> popularity_;
};

}  // namespace epigrid::citysim
