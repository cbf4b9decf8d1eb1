// Epidemic: an outbreak in a city, spread by the contacts of its schedule (susceptible, exposed,
// infectious, removed), and the tests that find some of it.
//
//   Epidemic epidemic = Epidemic::Run(city, {});
//   const IndexCase& index = epidemic.index_case();       // the story that a demonstration tells
//   epidemic.VisitTests([&](const TestResult& test) { ... });
//
// A few people bring the infection in. Who is infectious infects, with a chance by the minute and
// by the kind of place, those who are there at the same time, and by the day those of the same
// household. Who falls ill is mostly tested within a day or two; some people are screened every
// day, which finds others; who is found is isolated from the report on and checks in no more.
//
// The index case is one of those who bring it in: a working person who lives with others, best with
// a dependant, who went to many places in the days before falling ill about 30 hours before the
// city's end. The sample was taken 6 hours before the end, and the result comes at the last minute.
//
// Deterministic, as the city is. It takes one pass over the schedule per day with an infectious
// person outside isolation. The city must outlive its epidemic. Threads: one at a time during Run,
// then any number.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "tools/citysim/city.h"
#include "tools/citysim/schedule.h"

namespace epigrid::citysim {

struct EpidemicOptions {
  uint32_t introductions =
      4;  // people who bring the infection in, the index case among them; at least 1
  uint32_t screened_per_mille = 20;  // of all people, on each day
};

struct Infection {
  PersonIndex person = 0;
  PersonIndex infector = kNone;  // kNone: brought in from outside
  PlaceIndex place = kNone;      // kNone: at home, or brought in
  Time infected;
  Time infectious_from;
  Time infectious_until;
  Time onset;     // not set: no symptoms
  Time sampled;   // the first positive sample; not set: not found before the city's end
  Time reported;  // of that sample; from then on the person is isolated
};

struct IndexCase {
  PersonIndex person = 0;
  Time onset;
  Time sampled;
  Time reported;
};

struct TestResult {
  PersonIndex person = 0;
  bool positive = false;
  Time sampled;
  Time reported;        // before the city's end
  uint32_t number = 0;  // names the test
};

class Epidemic {
 public:
  static Epidemic Run(const City& city, const EpidemicOptions& options);

  const std::vector<Infection>& infections() const {
    return infections_;
  }  // by time of infection's day
  const IndexCase& index_case() const { return index_case_; }
  // From when the person is isolated; kEndOfTime: never.
  Time IsolatedFrom(PersonIndex person) const;

  // All tests whose sample was taken within the city's days and that were reported before its end,
  // by day of sampling and in order of time within it.
  void VisitTests(const std::function<void(const TestResult&)>& visitor) const;

 private:
  Epidemic(const City& city, const EpidemicOptions& options)
      : city_(city), options_(options), schedule_(city) {}

  struct Sample {
    Time sampled;
    Time reported;
  };
  void ChooseIndexCase();
  void BringIn();
  void Spread(int32_t day);
  void InfectHouseholds(int32_t day, const std::vector<size_t>& infectious);
  void InfectVisitors(int32_t day, const std::vector<size_t>& infectious);
  void Infect(PersonIndex person, PersonIndex infector, PlaceIndex place, Time when);
  void Detect(Infection& infection) const;
  bool Screened(PersonIndex person, int32_t day, Sample& sample) const;

  const City& city_;
  EpidemicOptions options_;
  Schedule schedule_;
  std::vector<Infection> infections_;
  std::unordered_map<PersonIndex, size_t> infection_of_;
  IndexCase index_case_;
};

}  // namespace epigrid::citysim
