#include "services/contact_tracing/domain/setting_match.h"

#include <algorithm>
#include <map>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/days.h"

namespace epigrid::contact_tracing {
namespace {

using events::v1::MatchStated;
using events::v1::PinStated;

// Of one match; two people who live together for longer are told by its first and last time.
constexpr size_t kStandingDaysMax = 1000;

// What is counted, while it is being gathered.
struct Count {
  std::map<int32_t, uint32_t> days;
  Time first = kEndOfTime;
  Time last;  // not set: nothing yet
  bool estimated = false;
  bool ongoing = false;

  void Extend(Time from, Time until) {
    first = std::min(first, from);
    last = last.is_set() ? std::max(last, until) : until;
  }
};

void CountStays(const TracingPolicy& policy, const Spans& shared, int32_t forgotten_day,
                Count& count) {
  for (const DayMinutes& day : MinutesByDay(policy.zone, shared)) {
    if (day.day > forgotten_day) count.days[day.day] = day.minutes;
  }
  for (const Span& span : shared) {
    const int32_t last_day = policy.zone.LocalDay(span.until - Duration(1));
    for (int32_t day = policy.zone.LocalDay(span.from); day <= last_day; ++day) {
      if (!count.days.contains(day)) continue;
      count.Extend(std::max(span.from, policy.zone.StartOfDay(day)),
                   std::min(span.until, policy.zone.StartOfDay(day + 1)));
      count.estimated |= span.estimated;
    }
  }
}

// What was counted on forgotten days stays, since the presence that it came from may be gone. So it
// does on the day after them if it was more than is counted now: stays reach over midnight.
void KeepForgottenDays(const TracingPolicy& policy, const PinStated& pin,
                       const PinnedPresence& index, const MatchStated& previous,
                       int32_t forgotten_day, Count& count) {
  const Span window = ToSpan(pin.window());
  const Time previous_first = FromProto(previous.first_time());
  const Time previous_last =
      previous.has_last_time() ? FromProto(previous.last_time()) : kEndOfTime;
  for (const events::v1::MatchedDay& day : previous.days()) {
    if (day.minutes() == 0 || !IsDay(day.day()) || day.day() - 1 > forgotten_day) continue;
    const auto counted = count.days.find(day.day());
    if (counted != count.days.end() && counted->second >= day.minutes()) continue;
    const Time start = policy.zone.StartOfDay(day.day());
    const Time end = policy.zone.StartOfDay(day.day() + 1);
    const Time from = std::max({start, window.from, previous_first});
    const Time until = std::min({end, window.until, previous_last});
    if (from >= until) continue;
    if (pin.stays().empty() && Intersect(index.standing, {{from, until}}).empty()) continue;
    count.days[day.day()] = day.minutes();
    count.Extend(from, until);
    count.estimated |= previous.estimated();
  }
}

void CountStanding(const TracingPolicy& policy, const Spans& shared, Count& count) {
  if (shared.empty()) return;
  count.ongoing = shared.back().until == kEndOfTime;
  for (const Span& span : shared) {
    count.Extend(span.from, span.until);
    const int32_t first_day = policy.zone.LocalDay(span.from);
    const int32_t last_day =
        count.ongoing ? first_day : policy.zone.LocalDay(span.until - Duration(1));
    for (int32_t day = first_day; day <= last_day && count.days.size() < kStandingDaysMax; ++day) {
      count.days.try_emplace(day, 0);
    }
    if (count.ongoing) break;
  }
}

Spans ClosedStays(const StayRule& rule, const std::vector<const events::v1::StaysStated*>& days) {
  Spans spans;
  for (const events::v1::StaysStated* day : days) AppendClosed(day->stays(), rule, spans);
  return Unite(std::move(spans));
}

bool IsHousehold(const std::string& setting_id) {
  return setting_id.starts_with(kHouseholdId.prefix());
}

// The time in which at least one of the two is a visitor.
Spans SharedStays(const PinnedPresence& index, const Spans& stays, const Spans& standing) {
  Spans shared = Intersect(index.stays, stays);
  for (const Spans& mixed : {Intersect(index.standing, stays), Intersect(index.stays, standing)}) {
    shared.insert(shared.end(), mixed.begin(), mixed.end());
  }
  return Unite(std::move(shared));
}

}  // namespace

SettingRule RuleOf(const TracingPolicy& policy, const std::string& setting_id,
                   const state::v1::TracedSetting& setting) {
  const bool is_household = IsHousehold(setting_id);
  SettingRule rule{
      .known = setting.has_setting() || is_household,
      .category = is_household ? v1::SETTING_CATEGORY_HOUSEHOLD : setting.setting().category(),
      .stays = {.usual_stay = policy.usual_stay,
                .stay_cap = policy.stay_cap,
                .stay_min = policy.stay_min}};
  if (setting.setting().has_usual_stay()) {
    rule.stays.usual_stay = std::chrono::seconds(
        std::clamp<int64_t>(setting.setting().usual_stay().seconds(), 0, int64_t{24} * 3600));
  }
  return rule;
}

int32_t ForgottenDay(const TracingPolicy& policy, const state::v1::TracedSetting& setting,
                     Time shard_time) {
  const int32_t day = policy.LastForgottenDay(shard_time);
  return setting.has_forgotten_day() ? std::max(day, setting.forgotten_day()) : day;
}

bool MayMeetStanding(const std::string& setting_id, const PinStated& pin) {
  return !pin.standing().empty() || (IsHousehold(setting_id) && !pin.stays().empty());
}

PinnedPresence Pinned(const SettingRule& rule, const PinStated& pin) {
  const Span window = ToSpan(pin.window());
  if (window.from >= window.until) return {};
  Spans stays;
  if (rule.known) AppendClosed(pin.stays(), rule.stays, stays);
  return {Intersect(Unite(std::move(stays)), {window}),
          Intersect(ToSpans(pin.standing()), {window})};
}

MatchStated Match(const TracingPolicy& policy, const SettingRule& rule, const PinStated& pin,
                  const PinnedPresence& index, const Guest& guest, int32_t forgotten_day) {
  Count count;
  const Spans stays = rule.known ? ClosedStays(rule.stays, guest.stays) : Spans();
  const Spans standing = guest.standing == nullptr ? Spans() : ToSpans(guest.standing->intervals());
  CountStays(policy, SharedStays(index, stays, standing), forgotten_day, count);
  if (guest.previous != nullptr && !IsEmpty(pin)) {
    KeepForgottenDays(policy, pin, index, *guest.previous, forgotten_day, count);
  }
  CountStanding(policy, Intersect(index.standing, standing), count);

  MatchStated match;
  match.set_case_id(pin.case_id());
  match.set_index_person_id(pin.index_person_id());
  match.set_person_id(guest.person_id);
  match.set_setting_id(pin.setting_id());
  if (count.days.empty()) return match;
  auto category = rule.category;
  if (!rule.known) {
    category = pin.category() != v1::SETTING_CATEGORY_UNSPECIFIED || guest.standing == nullptr
                   ? pin.category()
                   : guest.standing->category();
  }
  match.set_exposure_class(category == v1::SETTING_CATEGORY_HOUSEHOLD ? v1::EXPOSURE_CLASS_CLOSE
                                                                      : v1::EXPOSURE_CLASS_PLACE);
  match.set_degree(pin.degree());
  for (const auto& [day, minutes] : count.days) {
    events::v1::MatchedDay& matched = *match.add_days();
    matched.set_day(day);
    matched.set_minutes(minutes);
  }
  *match.mutable_first_time() = ToProto(count.first);
  if (!count.ongoing) *match.mutable_last_time() = ToProto(count.last);
  match.set_ongoing(count.ongoing);
  match.set_estimated(count.estimated);
  return match;
}

bool IsSettled(const TracingPolicy& policy, const state::v1::TracedSetting& setting,
               const PinStated& pin) {
  if (!setting.has_forgotten_day() || !pin.standing().empty() || pin.stays().empty()) return false;
  return std::all_of(pin.stays().begin(), pin.stays().end(), [&](const events::v1::Stay& stay) {
    return policy.zone.LocalDay(FromProto(stay.start_time()) + kDeclaredStayMax) <=
           setting.forgotten_day();
  });
}

std::vector<int32_t> DaysNear(const TracingPolicy& policy, const PinStated& pin,
                              const google::protobuf::RepeatedField<int32_t>& days) {
  std::vector<int32_t> near;
  // Stays that began up to the longest stay before `first`, or until `last`.
  const auto add = [&](Time first, Time last) {
    const auto from =
        std::lower_bound(days.begin(), days.end(), policy.zone.LocalDay(first - kDeclaredStayMax));
    const auto until = last == kEndOfTime
                           ? days.end()
                           : std::upper_bound(from, days.end(), policy.zone.LocalDay(last));
    near.insert(near.end(), from, until);
  };
  if (days.empty()) return near;
  for (const events::v1::Stay& stay : pin.stays()) {
    const Time start = FromProto(stay.start_time());
    add(start, start + kDeclaredStayMax);
  }
  for (const events::v1::Interval& interval : pin.standing()) {
    const Span span = ToSpan(interval);
    add(span.from, span.until);
  }
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  return near;
}

}  // namespace epigrid::contact_tracing
