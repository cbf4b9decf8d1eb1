#include "services/contact_tracing/view/tracing_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/case_pins.h"
#include "services/contact_tracing/domain/exposures.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

using state::v1::CaseRecord;
using state::v1::PresenceDay;
using state::v1::SharedSettings;
using state::v1::StoredStay;
using state::v1::TracedPerson;
using state::v1::TracedSetting;

// Blocks of days read at once.
constexpr size_t kDaysAtOnce = 32;

template <typename Proto>
Proto Parse(const std::string& bytes) {
  return *CellReader::ParseProto<Proto>(&bytes);
}

// A place in the order of a person's stays, as text whose byte order is that order.
std::string PlaceOf(const StoredStay& stay) {
  return fmt::format("{:020}/{}", FromProto(stay.stay().start_time()).micros, stay.stay().key());
}

v1::Presence ToPresence(const StoredStay& stored) {
  const events::v1::Stay& stay = stored.stay();
  v1::Presence presence;
  const size_t slash = stay.key().find('/');
  presence.set_source(stay.key().substr(0, slash));
  presence.set_source_id(slash == std::string::npos ? "" : stay.key().substr(slash + 1));
  presence.set_revision(stored.revision());
  presence.set_setting_id(stored.setting_id());
  *presence.mutable_start_time() = stay.start_time();
  if (stay.has_end_time()) *presence.mutable_end_time() = stay.end_time();
  presence.set_position(stay.position());
  return presence;
}

// What a contact and an exposure have in common.
template <typename Shown>
void Fill(const SharedSettings& shared, Shown& shown) {
  const ExposureSummary summary = Summarize(shared);
  shown.set_exposure_class(summary.exposure_class);
  shown.set_degree(summary.degree);
  for (const auto& match : shared.matches()) *shown.add_settings() = ToSettingExposure(match);
}

}  // namespace

Task<Result<v1::Setting>> TracingView::GetSetting(std::string setting_id) const {
  EPIGRID_CO_ASSIGN_OR_RETURN(const auto bytes,
                              co_await cells_.Get(setting_id, keys::Setting(setting_id)));
  if (bytes) {
    auto setting = Parse<TracedSetting>(*bytes);
    if (setting.has_setting()) co_return std::move(*setting.mutable_setting());
  }
  co_return NotFound("SETTING_UNKNOWN", "no setting of this id has been made known");
}

Task<Result<v1::Case>> TracingView::GetCase(std::string case_id) const {
  EPIGRID_CO_ASSIGN_OR_RETURN(const auto bytes, co_await cells_.Get(case_id, keys::Case(case_id)));
  if (!bytes) co_return NotFound("CASE_UNKNOWN", "there is no case of this id");
  EPIGRID_CO_ASSIGN_OR_RETURN(const auto slices,
                              co_await cells_.GetMembers(case_id, keys::CasePins(case_id)));
  EPIGRID_CO_ASSIGN_OR_RETURN(const uint64_t contacts,
                              co_await cells_.CountIndex(case_id, keys::ContactIndex(case_id)));
  co_return MakeCase(Parse<CaseRecord>(*bytes), ReadSlices(slices),
                     static_cast<uint32_t>(contacts));
}

Task<Result<std::vector<v1::Case>>> TracingView::PersonCases(std::string person_id) const {
  std::vector<v1::Case> cases;
  EPIGRID_CO_ASSIGN_OR_RETURN(const auto bytes,
                              co_await cells_.Get(person_id, keys::Person(person_id)));
  if (!bytes) co_return cases;
  const auto person = Parse<TracedPerson>(*bytes);
  std::vector<std::string> case_ids(person.case_ids().begin(), person.case_ids().end());
  std::sort(case_ids.begin(), case_ids.end());
  for (const std::string& case_id : case_ids) {
    EPIGRID_CO_ASSIGN_OR_RETURN(v1::Case found, co_await GetCase(case_id));
    cases.push_back(std::move(found));
  }
  co_return cases;
}

Task<Result<Page<v1::Presence>>> TracingView::Presences(std::string person_id, std::string after,
                                                        size_t limit) const {
  Page<v1::Presence> page;
  EPIGRID_CO_ASSIGN_OR_RETURN(const auto bytes,
                              co_await cells_.Get(person_id, keys::Person(person_id)));
  if (!bytes) co_return page;
  const auto person = Parse<TracedPerson>(*bytes);
  std::vector<int32_t> days(person.days().begin(), person.days().end());
  if (!after.empty()) {
    const Time start{std::strtoll(after.c_str(), nullptr, 10)};
    days.erase(days.begin(),
               std::lower_bound(days.begin(), days.end(), policy_.zone.LocalDay(start) - 1));
  }
  std::string last;
  for (size_t from = 0; from < days.size(); from += kDaysAtOnce) {
    std::vector<CellAddress> blocks;
    for (size_t i = from; i < std::min(days.size(), from + kDaysAtOnce); ++i) {
      blocks.push_back({person_id, keys::PresenceDay(person_id, days[i])});
    }
    for (const auto& found : co_await cells_.GetMany(std::move(blocks))) {
      if (!found.ok()) co_return found.status();
      if (!found->has_value()) continue;
      const auto block = Parse<PresenceDay>(**found);
      for (const StoredStay& stay : block.stays()) {
        std::string place = PlaceOf(stay);
        if (place <= after) continue;
        if (page.items.size() == limit) {
          page.next = last;
          co_return page;
        }
        page.items.push_back(ToPresence(stay));
        last = std::move(place);
      }
    }
  }
  co_return page;
}

Task<Result<Page<v1::Contact>>> TracingView::Contacts(std::string case_id, std::string after,
                                                      size_t limit) const {
  EPIGRID_CO_ASSIGN_OR_RETURN(auto found, co_await PageOf(std::move(case_id), keys::ContactIndex,
                                                          keys::Contact, std::move(after), limit));
  Page<v1::Contact> page{.items = {}, .next = std::move(found.next)};
  for (const auto& [person_id, shared] : found.items) {
    v1::Contact& contact = page.items.emplace_back();
    contact.set_person_id(person_id);
    Fill(shared, contact);
  }
  co_return page;
}

Task<Result<Page<v1::Exposure>>> TracingView::Exposures(std::string person_id, std::string after,
                                                        size_t limit) const {
  EPIGRID_CO_ASSIGN_OR_RETURN(auto found, co_await PageOf(std::move(person_id), keys::ExposureIndex,
                                                          keys::Exposure, std::move(after), limit));
  Page<v1::Exposure> page{.items = {}, .next = std::move(found.next)};
  for (const auto& [case_id, shared] : found.items) {
    v1::Exposure& exposure = page.items.emplace_back();
    exposure.set_case_id(case_id);
    Fill(shared, exposure);
    const ExposureSummary summary = Summarize(shared);
    *exposure.mutable_first_time() = ToProto(summary.first_time);
    if (!summary.ongoing) *exposure.mutable_last_time() = ToProto(summary.last_time);
  }
  co_return page;
}

Task<Result<Page<TracingView::SharedWith>>> TracingView::PageOf(
    std::string entity, std::string (*index)(std::string_view),
    std::string (*cell)(std::string_view, std::string_view), std::string after,
    size_t limit) const {
  Page<SharedWith> page;
  EPIGRID_CO_ASSIGN_OR_RETURN(
      std::vector<std::string> ids,
      co_await cells_.PageIndex(entity, index(entity), std::move(after), limit + 1));
  if (ids.size() > limit) {
    ids.resize(limit);
    page.next = ids.back();
  }
  std::vector<CellAddress> addresses;
  for (const std::string& id : ids) addresses.push_back({entity, cell(entity, id)});
  const auto found = co_await cells_.GetMany(std::move(addresses));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!found[i].ok()) co_return found[i].status();
    if (!found[i]->has_value()) continue;  // taken back since the index was read
    page.items.emplace_back(ids[i], Parse<SharedSettings>(**found[i]));
  }
  co_return page;
}

}  // namespace epigrid::contact_tracing
