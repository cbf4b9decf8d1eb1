#include "services/contact_tracing/domain/setting_search.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {

using events::v1::MatchStated;
using events::v1::PinSearchContinued;
using events::v1::PinStated;
using events::v1::StandingStated;
using events::v1::StaysStated;

state::v1::TracedSetting LoadSetting(const CellReader& cells, const std::string& setting_id) {
  return cells.GetProto<state::v1::TracedSetting>(keys::Setting(setting_id))
      .value_or(state::v1::TracedSetting());
}

std::optional<state::v1::TracedSetting> NeedSetting(const std::string& setting_id,
                                                    const CellReader& cells, NeedSet& needs) {
  needs.String(keys::Setting(setting_id));
  if (!cells.HasString(keys::Setting(setting_id))) return std::nullopt;
  return LoadSetting(cells, setting_id);
}

SettingSearch::SettingSearch(Work& work, std::string setting_id,
                             const state::v1::TracedSetting& setting)
    : work_(work),
      setting_id_(std::move(setting_id)),
      setting_(setting),
      rule_(RuleOf(work.policy, setting_id_, setting)) {}

bool SettingSearch::Rematch(const PinStated& pin, const PinnedPresence& index,
                            const std::string& person_id) {
  const CellReader& cells = work_.cells;
  std::vector<StaysStated> stays;
  for (const int32_t day : DaysNear(work_.policy, pin, setting_.days())) {
    auto stated = cells.GetMemberProto<StaysStated>(keys::Stays(setting_id_, day), person_id);
    if (stated) stays.push_back(*std::move(stated));
  }
  std::optional<StandingStated> standing;
  if (MayMeetStanding(setting_id_, pin)) {
    standing = cells.GetMemberProto<StandingStated>(keys::Standing(setting_id_), person_id);
  }
  const std::string matches = keys::Matches(setting_id_, pin.case_id());
  const auto previous = cells.GetMemberProto<MatchStated>(matches, person_id);

  Guest guest{.person_id = person_id,
              .standing = standing ? &*standing : nullptr,
              .previous = previous ? &*previous : nullptr};
  for (const StaysStated& stated : stays) guest.stays.push_back(&stated);
  MatchStated match = Match(work_.policy, rule_, pin, index, guest,
                            ForgottenDay(work_.policy, setting_, work_.context.shard_time));

  if (match.days().empty()) {
    if (!previous) return false;
    work_.cells.DeleteMember(matches, person_id);
  } else {
    std::string bytes = match.SerializeAsString();
    if (previous && *cells.GetMember(matches, person_id) == bytes) return false;
    work_.cells.SetMember(matches, person_id, std::move(bytes));
  }
  Event for_contact;
  *for_contact.mutable_match_stated() = match;
  work_.context.EmitToInbox(person_id, std::move(for_contact));
  Event for_case;
  match.set_for_case(true);
  *for_case.mutable_match_stated() = std::move(match);
  work_.context.EmitToInbox(pin.case_id(), std::move(for_case));
  return true;
}

bool SettingSearch::SearchAfter(const PinStated& pin, const std::string& person_id) {
  std::vector<std::string> people = PeopleAfter(pin, person_id, kPeopleAtOnce + 1);
  if (people.size() <= kPeoplePerPart) {
    MatchAll(pin, people);
    return Finish(pin);
  }
  const bool is_end = people.size() <= kPeopleAtOnce;
  if (!is_end) people.pop_back();
  Cut(pin, people, is_end);
  if (is_end) return false;
  PinSearchContinued next = NewPart(pin);
  next.set_after_person_id(people.back());
  Emit(std::move(next));
  return false;
}

void SettingSearch::Cut(const PinStated& pin, std::span<const std::string> people, bool is_end) {
  const bool twice = people.size() > kPeoplePerCut;
  const size_t most = twice ? kPeoplePerCut : kPeoplePerPart;
  while (!people.empty()) {
    const auto some = people.first(std::min(most, people.size()));
    people = people.subspan(some.size());
    PinSearchContinued part = NewPart(pin);
    auto& ids = twice ? *part.mutable_uncut_person_ids() : *part.mutable_person_ids();
    ids.Assign(some.begin(), some.end());
    part.set_last(is_end && people.empty());
    Emit(std::move(part));
  }
}

bool SettingSearch::SearchPart(const PinStated& pin, const PinSearchContinued& part) {
  if (!part.uncut_person_ids().empty()) {
    Cut(pin, std::vector(part.uncut_person_ids().begin(), part.uncut_person_ids().end()),
        part.last());
    return false;
  }
  if (part.person_ids().empty()) return SearchAfter(pin, part.after_person_id());
  MatchAll(pin, {part.person_ids().begin(), part.person_ids().end()});
  return part.last() && Finish(pin);
}

void SettingSearch::MatchAll(const PinStated& pin, const std::vector<std::string>& people) {
  const PinnedPresence index = Pinned(rule_, pin);
  for (const std::string& person_id : people) {
    if (person_id != pin.index_person_id()) Rematch(pin, index, person_id);
  }
}

PinSearchContinued SettingSearch::NewPart(const PinStated& pin) const {
  PinSearchContinued part;
  part.set_setting_id(setting_id_);
  part.set_case_id(pin.case_id());
  part.set_pin_version(pin.version());
  part.set_rule_version(setting_.rule_version());
  return part;
}

void SettingSearch::Emit(PinSearchContinued part) {
  Event event;
  *event.mutable_pin_search_continued() = std::move(part);
  work_.context.EmitToInbox(setting_id_, std::move(event));
}

void SettingSearch::SearchAnew(const PinStated& pin) {
  Tell(pin, true);
  Emit(NewPart(pin));
}

bool SettingSearch::Finish(const PinStated& pin) {
  if (!rule_.known && !pin.stays().empty()) return false;
  Tell(pin, false);
  const std::string pins = keys::Pins(setting_id_);
  if (!IsEmpty(pin) || work_.cells.GetMember(pins, pin.case_id()) == nullptr) return false;
  work_.cells.DeleteMember(pins, pin.case_id());
  return true;
}

void SettingSearch::Tell(const PinStated& pin, bool begins) {
  Event event;
  events::v1::SettingSearched& searched = *event.mutable_setting_searched();
  searched.set_case_id(pin.case_id());
  searched.set_setting_id(setting_id_);
  searched.set_pin_version(pin.version());
  searched.set_begins(begins);
  work_.context.EmitToInbox(pin.case_id(), std::move(event));
}

std::vector<std::string> SettingSearch::PeopleAfter(const PinStated& pin,
                                                    const std::string& person_id,
                                                    size_t limit) const {
  std::set<std::string> people;
  const auto add = [&](const auto& members) {
    size_t added = 0;
    for (auto at = members.upper_bound(person_id); at != members.end() && added < limit; ++at) {
      if (at->first == pin.index_person_id()) continue;
      people.insert(at->first);
      ++added;
    }
  };
  for (const int32_t day : DaysNear(work_.policy, pin, setting_.days())) {
    add(work_.cells.GetMembers(keys::Stays(setting_id_, day)));
  }
  if (MayMeetStanding(setting_id_, pin)) add(work_.cells.GetMembers(keys::Standing(setting_id_)));
  add(work_.cells.GetMembers(keys::Matches(setting_id_, pin.case_id())));
  auto end = people.begin();
  std::advance(end, std::min(limit, people.size()));
  return {people.begin(), end};
}

void SettingSearch::NeedsPerson(const TracingPolicy& policy, const std::string& setting_id,
                                const state::v1::TracedSetting& setting, const PinStated& pin,
                                const std::string& person_id, NeedSet& needs) {
  for (const int32_t day : DaysNear(policy, pin, setting.days())) {
    needs.Member(keys::Stays(setting_id, day), person_id);
  }
  if (MayMeetStanding(setting_id, pin)) needs.Member(keys::Standing(setting_id), person_id);
  needs.Member(keys::Matches(setting_id, pin.case_id()), person_id);
}

void SettingSearch::NeedsPeople(const TracingPolicy& policy, const std::string& setting_id,
                                const state::v1::TracedSetting& setting, const PinStated& pin,
                                NeedSet& needs) {
  for (const int32_t day : DaysNear(policy, pin, setting.days())) {
    needs.Members(keys::Stays(setting_id, day));
  }
  if (MayMeetStanding(setting_id, pin)) needs.Members(keys::Standing(setting_id));
  needs.Members(keys::Matches(setting_id, pin.case_id()));
}

}  // namespace epigrid::contact_tracing
