#include "services/contact_tracing/domain/exposures.h"

#include <algorithm>

#include "common/base/date.h"
#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/topics.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

using events::v1::MatchStated;
using state::v1::SharedSettings;

// Puts the match in the place of what was stated of its setting before.
void Replace(const MatchStated& match, SharedSettings& shared) {
  auto& matches = *shared.mutable_matches();
  auto at = std::lower_bound(
      matches.begin(), matches.end(), match.setting_id(),
      [](const MatchStated& other, const std::string& id) { return other.setting_id() < id; });
  const bool known = at != matches.end() && at->setting_id() == match.setting_id();
  if (match.days().empty()) {
    if (known) matches.erase(at);
    return;
  }
  if (!known) {
    const auto index = at - matches.begin();
    matches.Add();
    std::rotate(matches.begin() + index, matches.end() - 1, matches.end());
    at = matches.begin() + index;
  }
  *at = match;
  // What the cell's name says.
  at->clear_case_id();
  at->clear_person_id();
  at->clear_for_case();
}

void Publish(const MatchStated& match, const SharedSettings& shared, Work& work) {
  Event event;
  events::v1::ExposureChanged& changed = *event.mutable_exposure_changed();
  changed.set_person_id(match.person_id());
  changed.set_case_id(match.case_id());
  changed.set_version(VersionOf(work.context));
  const ExposureSummary summary = Summarize(shared);
  changed.set_exposure_class(summary.exposure_class);
  changed.set_degree(summary.degree);
  if (!shared.matches().empty()) *changed.mutable_first_time() = ToProto(summary.first_time);
  if (!shared.matches().empty() && !summary.ongoing) {
    *changed.mutable_last_time() = ToProto(summary.last_time);
  }
  changed.set_ongoing(summary.ongoing);
  for (const MatchStated& setting : shared.matches()) {
    *changed.add_settings() = ToSettingExposure(setting);
  }
  work.context.Publish(std::string(kExposureTopic), match.person_id(), std::move(event));
}

// Takes the match in; true: it changes `shared`.
bool Take(const MatchStated& match, const std::string* before, SharedSettings& shared) {
  if (before != nullptr) shared = *CellReader::ParseProto<SharedSettings>(before);
  const std::string bytes = before == nullptr ? std::string() : *before;
  Replace(match, shared);
  return shared.SerializeAsString() != bytes;
}

// A list of those with whom something is shared: a cell for each, and an index by which queries
// page.
struct SharedList {
  std::string cell;
  std::string index;
  const std::string& member;
};
SharedList ListOf(const MatchStated& match) {
  if (match.for_case()) {
    return {keys::Contact(match.case_id(), match.person_id()), keys::ContactIndex(match.case_id()),
            match.person_id()};
  }
  return {keys::Exposure(match.person_id(), match.case_id()),
          keys::ExposureIndex(match.person_id()), match.case_id()};
}

}  // namespace

void Needs(const MatchStated& match, NeedSet& needs) { needs.String(ListOf(match).cell); }

void Apply(const MatchStated& match, Work& work) {
  const SharedList list = ListOf(match);
  const std::string* before = work.cells.Get(list.cell);
  const bool was_known = before != nullptr;
  SharedSettings shared;
  if (!Take(match, before, shared)) return;
  if (shared.matches().empty()) {
    work.cells.Delete(list.cell);
    work.cells.RemoveFromIndex(list.index, list.member);
  } else {
    work.cells.SetProto(list.cell, shared);
    if (!was_known) work.cells.AddToIndex(list.index, list.member);
  }
  if (!match.for_case()) Publish(match, shared, work);
}

v1::SettingExposure ToSettingExposure(const MatchStated& match) {
  v1::SettingExposure exposure;
  exposure.set_setting_id(match.setting_id());
  exposure.set_exposure_class(match.exposure_class());
  exposure.set_degree(match.degree());
  uint32_t minutes = 0;
  for (const events::v1::MatchedDay& matched : match.days()) {
    v1::DayExposure& day = *exposure.add_days();
    day.set_date(FormatDate(std::chrono::sys_days(std::chrono::days(matched.day()))));
    day.set_minutes(matched.minutes());
    minutes += matched.minutes();
  }
  exposure.set_overlap_minutes(minutes);
  *exposure.mutable_first_time() = match.first_time();
  if (match.has_last_time()) *exposure.mutable_last_time() = match.last_time();
  exposure.set_estimated(match.estimated());
  exposure.set_ongoing(match.ongoing());
  return exposure;
}

ExposureSummary Summarize(const SharedSettings& shared) {
  ExposureSummary summary;
  for (const MatchStated& match : shared.matches()) {
    const bool is_first = &match == &*shared.matches().begin();
    summary.exposure_class = std::max(summary.exposure_class, match.exposure_class());
    summary.degree = is_first ? match.degree() : std::min(summary.degree, match.degree());
    const Time first = FromProto(match.first_time());
    const Time last = FromProto(match.last_time());
    summary.first_time = is_first ? first : std::min(summary.first_time, first);
    summary.last_time = is_first ? last : std::max(summary.last_time, last);
    summary.ongoing |= match.ongoing();
  }
  if (summary.ongoing) summary.last_time = Time{};
  return summary;
}

}  // namespace epigrid::contact_tracing
