#include "tests/fakes/brute_force_contacts.h"

#include <unicode/ucal.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <chrono>

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
                                       const std::string& zone)
    : local_days_(std::make_unique<LocalDays>(zone)) {
  std::map<std::string, Duration> usual_stays;
  for (const Setting& setting : settings) {
    usual_stays[setting.setting] = setting.usual_stay.value_or(hours(2));
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

std::vector<BruteForceContacts::Stay> BruteForceContacts::StaysOf(
    const std::string& person, const std::string& setting) const {
  const auto people = stays_.find(setting);
  if (people == stays_.end()) return {};
  const auto stays = people->second.find(person);
  return stays == people->second.end() ? std::vector<Stay>() : stays->second;
}

std::map<BruteForceContacts::PersonAndSetting, BruteForceContacts::Together>
BruteForceContacts::Find(const std::string& person, Time from, Time until) const {
  struct Day {
    Duration together{};
    Time first = kEndOfTime;
    Time last;
  };
  std::map<PersonAndSetting, Together> contacts;
  for (const auto& [setting, people] : stays_) {
    const auto case_stays = people.find(person);
    if (case_stays == people.end()) continue;
    for (const auto& [other, other_stays] : people) {
      if (other == person) continue;
      std::map<int32_t, Day> days;
      for (const Stay& of_case : case_stays->second) {
        for (const Stay& of_other : other_stays) {
          // Rule 4.
          Time begin = std::max({of_case.from, of_other.from, from});
          const Time end = std::min({of_case.until, of_other.until, until});
          // Rule 5.
          while (begin < end) {
            const Time midnight = local_days_->EndOfDay(begin, end);
            Day& day = days[local_days_->Of(begin)];
            day.together += midnight - begin;
            day.first = std::min(day.first, begin);
            day.last = std::max(day.last, midnight);
            begin = midnight;
          }
        }
      }
      for (const auto& [number, day] : days) {
        const int64_t whole_minutes = std::chrono::floor<minutes>(day.together).count();
        if (whole_minutes == 0) continue;
        Together& together = contacts[{other, setting}];
        if (together.minutes_by_day.empty()) together.first = day.first;
        together.minutes_by_day[number] = whole_minutes;
        together.last = day.last;
      }
    }
  }
  return contacts;
}

}  // namespace epigrid
