#include "tests/fakes/brute_force_contacts.h"

#include <unicode/ucal.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "common/base/status.h"

namespace epigrid {

using std::chrono::hours;
using std::chrono::minutes;

// Local days by ICU's calendar, where production has Abseil's time zones.
class BruteForceContacts::LocalDays {
 public:
  explicit LocalDays(const std::string& zone) {
    UErrorCode error = U_ZERO_ERROR;
    const icu::UnicodeString name = icu::UnicodeString::fromUTF8(zone);
    calendar_ = ucal_open(name.getBuffer(), name.length(), "en", UCAL_GREGORIAN, &error);
    EPIGRID_CHECK(U_SUCCESS(error), "ICU has no calendar");
    UChar system_name[64];
    ucal_getCanonicalTimeZoneID(name.getBuffer(), name.length(), system_name, 64, nullptr, &error);
    EPIGRID_CHECK(U_SUCCESS(error), "ICU does not know this time zone");
  }
  ~LocalDays() { ucal_close(calendar_); }
  LocalDays(const LocalDays&) = delete;
  LocalDays& operator=(const LocalDays&) = delete;

  int32_t Of(Time time) const {
    UErrorCode error = U_ZERO_ERROR;
    ucal_setMillis(calendar_, static_cast<UDate>(time.millis()), &error);
    const int32_t day = ucal_get(calendar_, UCAL_JULIAN_DAY, &error);
    EPIGRID_CHECK(U_SUCCESS(error), "ICU cannot tell the local day");
    constexpr int32_t kJulianDayOf1970 = 2'440'588;
    return day - kJulianDayOf1970;
  }

  // The first instant after `from` that lies on another day, or `until` if that comes first.
  Time EndOfDay(Time from, Time until) const {
    const int32_t day = Of(from);
    if (Of(until - Duration(1)) == day) return until;
    Time same = from;
    Time other = until - Duration(1);
    while (other - same > Duration(1)) {
      const Time middle = same + (other - same) / 2;
      (Of(middle) == day ? same : other) = middle;
    }
    return other;
  }

 private:
  UCalendar* calendar_ = nullptr;
};

BruteForceContacts::BruteForceContacts(const std::vector<Setting>& settings,
                                       const std::vector<Presence>& presences,
                                       const std::string& zone,
                                       const std::vector<Residence>& residences)
    : local_days_(std::make_unique<LocalDays>(zone)) {
  std::map<std::string, Duration> usual_stays;
  for (const Setting& setting : settings) {
    usual_stays[setting.setting] = setting.usual_stay.value_or(hours(2));
  }
  for (const Residence& residence : residences) {
    residences_[residence.setting][residence.person].push_back({residence.from, residence.until});
  }
  std::map<std::string, std::vector<Presence>> by_person;
  for (const Presence& presence : presences) by_person[presence.person].push_back(presence);

  for (auto& [person, own] : by_person) {
    std::ranges::sort(own, {}, &Presence::check_in);
    for (size_t i = 0; i < own.size(); ++i) {
      const auto usual_stay = usual_stays.find(own[i].setting);
      if (usual_stay == usual_stays.end()) continue;
      // Rule 1.
      const Time from = own[i].check_in;
      Time until = std::min(from + usual_stay->second, from + hours(12));
      for (size_t next = i + 1; next < own.size(); ++next) {
        if (own[next].check_in > from) {
          until = std::min(until, own[next].check_in);
          break;
        }
      }
      if (own[i].check_out) until = *own[i].check_out;
      // Rule 2.
      if (until - from < minutes(10)) continue;
      // Rule 3; the person's stays come in the order in which they begin.
      std::vector<Stay>& united = stays_[own[i].setting][person];
      if (!united.empty() && from <= united.back().until) {
        united.back().until = std::max(united.back().until, until);
      } else {
        united.push_back({from, until});
      }
    }
  }
}

BruteForceContacts::~BruteForceContacts() = default;

std::vector<BruteForceContacts::Stay> BruteForceContacts::Of(
    const std::map<std::string, People>& settings, const std::string& setting,
    const std::string& person) {
  const auto people = settings.find(setting);
  if (people == settings.end()) return {};
  const auto stays = people->second.find(person);
  return stays == people->second.end() ? std::vector<Stay>() : stays->second;
}

std::vector<BruteForceContacts::Stay> BruteForceContacts::StaysOf(
    const std::string& person, const std::string& setting) const {
  return Of(stays_, setting, person);
}

std::map<BruteForceContacts::PersonAndSetting, BruteForceContacts::Together>
BruteForceContacts::Find(const std::string& person, Time from, Time until) const {
  std::map<PersonAndSetting, Together> contacts;
  for (const std::map<std::string, People>* settings : {&stays_, &residences_}) {
    for (const auto& [setting, people_there] : *settings) {
      if (!people_there.contains(person)) continue;
      std::set<std::string> others;
      for (const std::map<std::string, People>* one : {&stays_, &residences_}) {
        const auto people = one->find(setting);
        if (people == one->end()) continue;
        for (const auto& [other, stays] : people->second) others.insert(other);
      }
      for (const std::string& other : others) {
        if (other == person) continue;
        Together together = Compare(setting, person, other, from, until);
        if (together.minutes_by_day.empty()) continue;
        contacts[{other, setting}] = std::move(together);
      }
    }
  }
  return contacts;
}

BruteForceContacts::Together BruteForceContacts::Compare(const std::string& setting,
                                                         const std::string& person,
                                                         const std::string& other, Time from,
                                                         Time until) const {
  // Rules 4 and 6: of each pair of a stay or residence, the time that both are there.
  const auto meet = [&](const std::vector<Stay>& some, const std::vector<Stay>& others,
                        std::vector<Stay>& met) {
    for (const Stay& one : some) {
      for (const Stay& another : others) {
        const Stay both{std::max({one.from, another.from, from}),
                        std::min({one.until, another.until, until})};
        if (both.from < both.until) met.push_back(both);
      }
    }
  };
  const std::vector<Stay> case_stays = Of(stays_, setting, person);
  const std::vector<Stay> other_stays = Of(stays_, setting, other);
  const std::vector<Stay> case_resides = Of(residences_, setting, person);
  const std::vector<Stay> other_resides = Of(residences_, setting, other);
  std::vector<Stay> visits;
  meet(case_stays, other_stays, visits);
  meet(case_resides, other_stays, visits);
  meet(case_stays, other_resides, visits);
  std::ranges::sort(visits);

  struct Day {
    Duration together{};
    Time first = kEndOfTime;
    Time last;
  };
  std::map<int32_t, Day> days;
  Time counted;  // up to here
  for (const Stay& visit : visits) {
    // Rule 5.
    Time begin = std::max(visit.from, counted);
    while (begin < visit.until) {
      const Time midnight = local_days_->EndOfDay(begin, visit.until);
      Day& day = days[local_days_->Of(begin)];
      day.together += midnight - begin;
      day.first = std::min(day.first, begin);
      day.last = std::max(day.last, midnight);
      begin = midnight;
    }
    counted = std::max(counted, visit.until);
  }
  Together together{.minutes_by_day = {}, .first = kEndOfTime, .last = Time()};
  const auto count = [&together](int32_t number, int64_t whole_minutes, Time first, Time last) {
    together.minutes_by_day[number] += whole_minutes;
    together.first = std::min(together.first, first);
    together.last = std::max(together.last, last);
  };
  for (const auto& [number, day] : days) {
    const int64_t whole_minutes = std::chrono::floor<minutes>(day.together).count();
    if (whole_minutes > 0) count(number, whole_minutes, day.first, day.last);
  }
  // Rule 7.
  std::vector<Stay> at_home;
  meet(case_resides, other_resides, at_home);
  for (const Stay& both : at_home) {
    for (Time begin = both.from; begin < both.until;) {
      const Time midnight = local_days_->EndOfDay(begin, both.until);
      count(local_days_->Of(begin), 0, begin, midnight);
      begin = midnight;
    }
  }
  return together;
}

}  // namespace epigrid
