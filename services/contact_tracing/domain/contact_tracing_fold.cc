#include "services/contact_tracing/domain/contact_tracing_fold.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>

#include "services/contact_tracing/domain/case_book.h"
#include "services/contact_tracing/domain/case_pins.h"
#include "services/contact_tracing/domain/days.h"
#include "services/contact_tracing/domain/exposures.h"
#include "services/contact_tracing/domain/presence.h"
#include "services/contact_tracing/domain/setting_shard.h"
#include "services/contact_tracing/domain/setting_update.h"
#include "services/contact_tracing/domain/standing.h"
#include "services/contact_tracing/domain/topics.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

TracingPolicy DefaultPolicy() {
  return TracingPolicy::From(state::v1::TracingConfiguration()).value();
}

void ApplyConfigured(const events::v1::Configured& configured, Work& work) {
  state::v1::StoredConfiguration stored;
  if (!stored.mutable_configuration()->ParseFromString(configured.configuration()) ||
      !TracingPolicy::From(stored.configuration()).ok()) {
    return work.context.Ignore("CONFIGURATION_INVALID");
  }
  stored.set_version(configured.version());
  work.cells.SetProto(keys::Configuration(), stored);
}

bool AllSet(std::initializer_list<std::string_view> ids) {
  return std::none_of(ids.begin(), ids.end(), [](std::string_view id) { return id.empty(); });
}

// An event without the ids that name its cells changes nothing: the API lets none through.
bool HasIds(const Event& event) {
  switch (event.kind_case()) {
    case Event::kPresenceObserved:
      return AllSet({event.presence_observed().observation().person_id()}) &&
             (!event.presence_observed().observation().has_check_in() ||
              AllSet({event.presence_observed().observation().check_in().setting_id()}));
    case Event::kStaysStated:
      return AllSet({event.stays_stated().setting_id(), event.stays_stated().person_id()});
    case Event::kStandingStated:
      return AllSet({event.standing_stated().setting_id(), event.standing_stated().person_id()});
    case Event::kPinStated:
      return AllSet({event.pin_stated().setting_id(), event.pin_stated().case_id(),
                     event.pin_stated().index_person_id()});
    case Event::kPinSearchContinued: {
      const auto& part = event.pin_search_continued();
      const auto is_empty = [](const std::string& id) { return id.empty(); };
      return AllSet({part.setting_id(), part.case_id()}) &&
             std::ranges::none_of(part.person_ids(), is_empty) &&
             std::ranges::none_of(part.uncut_person_ids(), is_empty);
    }
    case Event::kSettingUpdateRequested:
      return AllSet({event.setting_update_requested().setting().setting_id()});
    case Event::kSettingSearchContinued:
      return AllSet({event.setting_search_continued().setting_id()});
    case Event::kMatchStated:
      return AllSet({event.match_stated().person_id(), event.match_stated().case_id(),
                     event.match_stated().setting_id()});
    case Event::kSettingSearched:
      return AllSet({event.setting_searched().setting_id(), event.setting_searched().case_id()});
    case Event::kCasePinsContinued:
      return AllSet(
          {event.case_pins_continued().case_id(), event.case_pins_continued().person_id()});
    case Event::kCaseUpdateRequested:
      return AllSet({event.case_update_requested().case_id()}) &&
             (!event.case_update_requested().has_open() ||
              AllSet({event.case_update_requested().person_id()}));
    case Event::kTestResultChanged: return AllSet({event.test_result_changed().person_id()});
    case Event::kMembershipChanged:
      return AllSet(
          {event.membership_changed().person_id(), event.membership_changed().household_id()});
    case Event::kIsolationChanged: return AllSet({event.isolation_changed().person_id()});
    default: return true;
  }
}

// Names of timers end in ":<day>".
struct DayTimer {
  std::string entity;
  int32_t day = 0;
};
std::optional<DayTimer> ReadDayTimer(std::string_view prefix, std::string_view id) {
  if (!id.starts_with(prefix)) return std::nullopt;
  id.remove_prefix(prefix.size());
  const size_t colon = id.rfind(':');
  EPIGRID_CHECK(colon != std::string_view::npos, "a day's timer has no day");
  DayTimer timer{std::string(id.substr(0, colon))};
  const std::string_view digits = id.substr(colon + 1);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), timer.day);
  EPIGRID_CHECK(read.ec == std::errc() && IsDay(timer.day), "a day's timer has no day");
  return timer;
}

// "<person>/<source>/<source id>", the last two of which are the key of a presence.
struct Stray {
  std::string person_id;
  std::string key;
};
Stray ReadStrayTimer(std::string_view id) {
  id.remove_prefix(keys::kStrayTimer.size());
  const size_t slash = id.find('/');
  EPIGRID_CHECK(slash != std::string_view::npos, "a stray presence's timer has no key");
  return {std::string(id.substr(0, slash)), std::string(id.substr(slash + 1))};
}

}  // namespace

ContactTracingFold::ContactTracingFold(uint32_t shard_count)
    : shard_count_(shard_count), default_policy_(DefaultPolicy()) {}

std::vector<std::string> ContactTracingFold::subscriptions() const {
  return {std::string(kMembershipTopic), std::string(kTestResultTopic),
          std::string(kIsolationTopic)};
}

std::string ContactTracingFold::Route(const Event& foreign) const {
  switch (foreign.kind_case()) {
    case Event::kMembershipChanged: return foreign.membership_changed().person_id();
    case Event::kTestResultChanged: return foreign.test_result_changed().person_id();
    case Event::kIsolationChanged: return foreign.isolation_changed().person_id();
    default: return {};
  }
}

std::vector<std::string> ContactTracingFold::publications() const {
  return {std::string(kCaseTopic), std::string(kExposureTopic)};
}

std::vector<std::string> ContactTracingFold::Entities(const Event& event) const {
  switch (event.kind_case()) {
    case Event::kMembershipChanged:
    case Event::kTestResultChanged:
    case Event::kIsolationChanged: return {Route(event)};
    case Event::kPresenceObserved: return {event.presence_observed().observation().person_id()};
    case Event::kCaseUpdateRequested: {
      const auto& requested = event.case_update_requested();
      if (requested.person_id().empty()) return {requested.case_id()};
      return {requested.case_id(), requested.person_id()};
    }
    case Event::kCasePinsContinued:
      return {event.case_pins_continued().case_id(), event.case_pins_continued().person_id()};
    case Event::kSettingSearched: return {event.setting_searched().case_id()};
    case Event::kSettingUpdateRequested:
      return {event.setting_update_requested().setting().setting_id()};
    case Event::kSettingSearchContinued: return {event.setting_search_continued().setting_id()};
    case Event::kStaysStated: return {event.stays_stated().setting_id()};
    case Event::kStandingStated: return {event.standing_stated().setting_id()};
    case Event::kPinStated: return {event.pin_stated().setting_id()};
    case Event::kPinSearchContinued: return {event.pin_search_continued().setting_id()};
    case Event::kMatchStated:
      return {event.match_stated().for_case() ? event.match_stated().case_id()
                                              : event.match_stated().person_id()};
    default: return {};
  }
}

const TracingPolicy* ContactTracingFold::Policy(const CellReader& cells) const {
  const std::string key = keys::Configuration();
  if (!cells.HasString(key)) return nullptr;
  const std::string* bytes = cells.Get(key);
  if (bytes == nullptr) return &default_policy_;
  if (!policy_ || policy_bytes_ != *bytes) {
    const auto stored = *CellReader::ParseProto<state::v1::StoredConfiguration>(bytes);
    policy_ = TracingPolicy::From(stored.configuration()).value();
    policy_bytes_ = *bytes;
  }
  return &*policy_;
}

void ContactTracingFold::Needs(const Event& event, const CellReader& cells, NeedSet& needs) const {
  namespace ct = contact_tracing;
  needs.String(keys::Configuration());
  const TracingPolicy* policy = Policy(cells);
  if (policy == nullptr || !HasIds(event)) return;
  switch (event.kind_case()) {
    case Event::kPresenceObserved:
      return ct::Needs(*policy, event.presence_observed(), cells, needs);
    case Event::kStaysStated: return ct::Needs(*policy, event.stays_stated(), cells, needs);
    case Event::kStandingStated: return ct::Needs(*policy, event.standing_stated(), cells, needs);
    case Event::kPinStated: return ct::Needs(*policy, event.pin_stated(), cells, needs);
    case Event::kPinSearchContinued:
      return ct::Needs(*policy, event.pin_search_continued(), cells, needs);
    case Event::kSettingUpdateRequested:
      return ct::Needs(event.setting_update_requested(), cells, needs);
    case Event::kSettingSearchContinued:
      return ct::Needs(event.setting_search_continued(), cells, needs);
    case Event::kMatchStated: return ct::Needs(event.match_stated(), needs);
    case Event::kSettingSearched: return ct::Needs(event.setting_searched(), needs);
    case Event::kCasePinsContinued: return ct::Needs(event.case_pins_continued(), cells, needs);
    case Event::kCaseUpdateRequested: return ct::Needs(event.case_update_requested(), cells, needs);
    case Event::kTestResultChanged:
      return ct::Needs(event.test_result_changed(), shard_count_, cells, needs);
    case Event::kMembershipChanged: return ct::Needs(event.membership_changed(), cells, needs);
    case Event::kIsolationChanged: return ct::Needs(event.isolation_changed(), cells, needs);
    default: return;
  }
}

void ContactTracingFold::Apply(const Event& event, Cells& cells, Context& context) const {
  namespace ct = contact_tracing;
  if (!HasIds(event)) return context.Ignore("EVENT_MALFORMED");
  Work work{cells, context, *Policy(cells), shard_count_};
  switch (event.kind_case()) {
    case Event::kConfigured: return ApplyConfigured(event.configured(), work);
    case Event::kPresenceObserved: return ct::Apply(event.presence_observed(), work);
    case Event::kStaysStated: return ct::Apply(event.stays_stated(), work);
    case Event::kStandingStated: return ct::Apply(event.standing_stated(), work);
    case Event::kPinStated: return ct::Apply(event.pin_stated(), work);
    case Event::kPinSearchContinued: return ct::Apply(event.pin_search_continued(), work);
    case Event::kSettingUpdateRequested: return ct::Apply(event.setting_update_requested(), work);
    case Event::kSettingSearchContinued: return ct::Apply(event.setting_search_continued(), work);
    case Event::kMatchStated: return ct::Apply(event.match_stated(), work);
    case Event::kSettingSearched: return ct::Apply(event.setting_searched(), work);
    case Event::kCasePinsContinued: return ct::Apply(event.case_pins_continued(), work);
    case Event::kCaseUpdateRequested: return ct::Apply(event.case_update_requested(), work);
    case Event::kTestResultChanged: return ct::Apply(event.test_result_changed(), work);
    case Event::kMembershipChanged: return ct::Apply(event.membership_changed(), work);
    case Event::kIsolationChanged: return ct::Apply(event.isolation_changed(), work);
    default: return context.Ignore("EVENT_UNKNOWN");
  }
}

std::string ContactTracingFold::TimerEntity(const Timer& timer) const {
  if (const auto person = ReadDayTimer(keys::kPersonDayTimer, timer.id)) return person->entity;
  if (const auto setting = ReadDayTimer(keys::kSettingDayTimer, timer.id)) return setting->entity;
  return ReadStrayTimer(timer.id).person_id;
}

void ContactTracingFold::TimerNeeds(const Timer& timer, const CellReader& cells,
                                    NeedSet& needs) const {
  needs.String(keys::Configuration());
  const TracingPolicy* policy = Policy(cells);
  if (policy == nullptr) return;
  if (const auto person = ReadDayTimer(keys::kPersonDayTimer, timer.id)) {
    NeedsPersonDay(person->entity, person->day, cells, needs);
  } else if (const auto setting = ReadDayTimer(keys::kSettingDayTimer, timer.id)) {
    NeedsSettingDay(*policy, setting->entity, setting->day, cells, needs);
  } else {
    const Stray stray = ReadStrayTimer(timer.id);
    NeedsStray(stray.person_id, stray.key, needs);
  }
}

void ContactTracingFold::FireTimer(const Timer& timer, Cells& cells, Context& context) const {
  Work work{cells, context, *Policy(cells), shard_count_};
  if (const auto person = ReadDayTimer(keys::kPersonDayTimer, timer.id)) {
    ForgetPersonDay(person->entity, person->day, work);
  } else if (const auto setting = ReadDayTimer(keys::kSettingDayTimer, timer.id)) {
    ForgetSettingDay(setting->entity, setting->day, work);
  } else {
    const Stray stray = ReadStrayTimer(timer.id);
    ForgetStray(stray.person_id, stray.key, work);
  }
}

}  // namespace epigrid::contact_tracing
