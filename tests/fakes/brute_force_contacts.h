// BruteForceContacts: who met a case, found by comparing everybody with everybody. It is what
// production's contacts are held against, so it follows the definition word for word, shares no
// code with production and is in no hurry.
//
//   BruteForceContacts city(settings, presences, "Asia/Shanghai");
//   auto contacts = city.Find("person_1", window_from, window_until);
//
// The definition:
// 1. A stay begins at its check-in. It ends at its check-out, or, if there is none, at the earliest
//    of: the same person's next check-in in any setting at a strictly later time; the check-in +
//    the setting's usual stay (2 h where it has none); the check-in + 12 h.
// 2. Stays under 10 minutes are dropped.
// 3. Stays of one person in one setting that overlap or touch become one.
// 4. Two people are together in a setting while both stay there and it is within the case's window
//    [from, until).
// 5. That time is summed per pair, setting and local day; the day's minutes are the whole minutes
//    of the sum. A day with none does not count, and who has no day that counts is no contact.
// 6. Who resides in a setting is there all the time. While one of two stays there and the other
//    stays or resides there, they are together as in 4 and 5, each instant counting once.
// 7. The days on which both reside there within the window count too, with no minutes of their own.
//
// A presence in a setting that is not among the settings makes no contacts, but it is a check-in
// for rule 1. Threads: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"

namespace epigrid {

class BruteForceContacts {
 public:
  struct Setting {
    std::string setting;
    std::optional<Duration> usual_stay;
  };
  struct Presence {
    std::string person;
    std::string setting;
    Time check_in;
    std::optional<Time> check_out;
  };
  // Not open: kEndOfTime is no end here.
  struct Residence {
    std::string person;
    std::string setting;
    Time from;
    Time until;
  };
  // What a case and one contact share in one setting.
  struct Together {
    std::map<int32_t, int64_t>
        minutes_by_day;  // whole minutes, by local day in days since 1970-01-01
    Time first;          // the first instant together on a day that counts
    Time last;           // the end of the last, excluded
    friend bool operator==(const Together&, const Together&) = default;
  };
  using PersonAndSetting = std::pair<std::string, std::string>;

  // The zone by its IANA name; aborts if there is no such zone.
  BruteForceContacts(const std::vector<Setting>& settings, const std::vector<Presence>& presences,
                     const std::string& zone, const std::vector<Residence>& residences = {});
  ~BruteForceContacts();

  // By contact and setting. kEndOfTime leaves the window open.
  std::map<PersonAndSetting, Together> Find(const std::string& person, Time from, Time until) const;

  // The stay of rules 1 to 3, for tests of its own.
  struct Stay {
    Time from;
    Time until;
    friend auto operator<=>(const Stay&, const Stay&) = default;
  };
  std::vector<Stay> StaysOf(const std::string& person, const std::string& setting) const;

 private:
  class LocalDays;

  std::unique_ptr<LocalDays> local_days_;
  using People = std::map<std::string, std::vector<Stay>>;  // by person
  static std::vector<Stay> Of(const std::map<std::string, People>& settings,
                              const std::string& setting, const std::string& person);
  Together Compare(const std::string& setting, const std::string& person, const std::string& other,
                   Time from, Time until) const;

  std::map<std::string, People> stays_;       // by setting
  std::map<std::string, People> residences_;  // by setting
};

}  // namespace epigrid
