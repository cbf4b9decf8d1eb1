#include "services/contact_tracing/domain/fold_city.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/case_pins.h"
#include "services/contact_tracing/domain/exposures.h"
#include "services/contact_tracing/domain/topics.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

constexpr std::string_view kSource = "venue-scan";

template <typename Proto>
Proto Parse(const std::string& bytes) {
  return *CellReader::ParseProto<Proto>(&bytes);
}

std::string Join(const std::map<std::string, std::string>& lines) {
  std::string text;
  for (const auto& [name, line] : lines) text += (text.empty() ? "" : "; ") + line;
  return text;
}

}  // namespace

FoldCity::FoldCity(uint64_t seed, uint32_t shard_count)
    : fold_(shard_count), driver_(fold_, shard_count, seed), shard_count_(shard_count) {
  driver_.recorded_at = At(0);
}

Time FoldCity::At(double hours) {
  // 2021-12-31T16:00:00Z
  return Time::FromSeconds(1'640'966'400) +
         Duration(static_cast<int64_t>(hours * 3600.0 * 1'000'000.0));
}

std::string FoldCity::PersonId(const std::string& name) const {
  const std::string id = DeriveId(kPersonId, {name});
  names_[id] = name;
  return id;
}

std::string FoldCity::SettingId(const std::string& name) const {
  const std::string id = DeriveId(kSettingId, {name});
  names_[id] = name;
  return id;
}

std::string FoldCity::HouseholdId(const std::string& name) const {
  const std::string id = DeriveId(kHouseholdId, {name});
  names_[id] = name;
  return id;
}

std::string FoldCity::CaseId(const std::string& person, int number) const {
  const Shard shard = ShardOf(PersonId(person), shard_count_);
  for (int i = 0;; ++i) {
    std::string id = DeriveId(kCaseId, {person, std::to_string(number), std::to_string(i)});
    if (ShardOf(id, shard_count_) == shard) return id;
  }
}

std::string FoldCity::NameOf(const std::string& id) const {
  const auto at = names_.find(id);
  return at == names_.end() ? id : at->second;
}

void FoldCity::Setting(const std::string& name, v1::SettingCategory category,
                       std::optional<int> usual_stay_minutes) {
  Event event;
  v1::Setting& setting = *event.mutable_setting_update_requested()->mutable_setting();
  setting.set_setting_id(SettingId(name));
  setting.set_category(category);
  if (usual_stay_minutes)
    setting.mutable_usual_stay()->set_seconds(int64_t{60} * *usual_stay_minutes);
  const std::string setting_id = setting.setting_id();
  driver_.Append(setting_id, std::move(event));
}

void FoldCity::Observe(v1::PresenceObservation observation) {
  const std::string person_id = observation.person_id();
  Event event;
  *event.mutable_presence_observed()->mutable_observation() = std::move(observation);
  driver_.Append(person_id, std::move(event));
}

void FoldCity::Visit(const std::string& person, const std::string& setting, double from,
                     std::optional<double> until, const std::string& source_id, uint32_t revision) {
  CheckIn(person, SettingId(setting), from, until,
          source_id.empty() ? person + "-" + setting + "-" + std::to_string(from) : source_id,
          revision);
}

void FoldCity::VisitHome(const std::string& person, const std::string& household, double from,
                         std::optional<double> until) {
  CheckIn(person, HouseholdId(household), from, until,
          person + "-at-" + household + "-" + std::to_string(from), 1);
}

void FoldCity::CheckIn(const std::string& person, const std::string& setting_id, double from,
                       std::optional<double> until, const std::string& source_id,
                       uint32_t revision) {
  v1::PresenceObservation observation;
  observation.set_source(std::string(kSource));
  observation.set_source_id(source_id);
  observation.set_revision(revision);
  observation.set_person_id(PersonId(person));
  v1::CheckIn& check_in = *observation.mutable_check_in();
  check_in.set_setting_id(setting_id);
  *check_in.mutable_start_time() = ToProto(At(from));
  if (until) *check_in.mutable_end_time() = ToProto(At(*until));
  Observe(std::move(observation));
}

void FoldCity::CheckOut(const std::string& person, const std::string& source_id, double until,
                        uint32_t revision) {
  v1::PresenceObservation observation;
  observation.set_source(std::string(kSource));
  observation.set_source_id(source_id);
  observation.set_revision(revision);
  observation.set_person_id(PersonId(person));
  *observation.mutable_check_out()->mutable_end_time() = ToProto(At(until));
  Observe(std::move(observation));
}

void FoldCity::Delete(const std::string& person, const std::string& source_id, uint32_t revision) {
  v1::PresenceObservation observation;
  observation.set_source(std::string(kSource));
  observation.set_source_id(source_id);
  observation.set_revision(revision);
  observation.set_person_id(PersonId(person));
  observation.mutable_deletion();
  Observe(std::move(observation));
}

void FoldCity::Lives(const std::string& person, const std::string& household,
                     std::optional<double> from, std::optional<double> until) {
  LivesIn(person, household, from ? std::vector<Stay>{{*from, until}} : std::vector<Stay>());
}

void FoldCity::LivesIn(const std::string& person, const std::string& household,
                       const std::vector<Stay>& stays) {
  Event event;
  auto& changed = *event.mutable_membership_changed();
  changed.set_person_id(PersonId(person));
  changed.set_household_id(HouseholdId(household));
  for (const auto& [from, until] : stays) {
    events::v1::Interval& interval = *changed.add_intervals();
    *interval.mutable_from_time() = ToProto(At(from));
    if (until) *interval.mutable_until_time() = ToProto(At(*until));
  }
  driver_.Foreign(event);
}

void FoldCity::Isolate(const std::string& person, double from, std::optional<double> until,
                       bool separated) {
  Event event;
  auto& changed = *event.mutable_isolation_changed();
  changed.set_person_id(PersonId(person));
  events::v1::Interval interval;
  *interval.mutable_from_time() = ToProto(At(from));
  if (until) *interval.mutable_until_time() = ToProto(At(*until));
  *changed.add_intervals() = interval;
  if (separated) *changed.add_separations() = interval;
  driver_.Foreign(event);
}

void FoldCity::EndIsolation(const std::string& person) {
  Event event;
  event.mutable_isolation_changed()->set_person_id(PersonId(person));
  driver_.Foreign(event);
}

void FoldCity::Test(const std::string& person, const std::string& source_id, double sampled,
                    health_code::v1::TestOutcome outcome, bool withdrawn) {
  Event event;
  auto& changed = *event.mutable_test_result_changed();
  changed.set_person_id(PersonId(person));
  changed.set_source("lab");
  changed.set_source_id(source_id);
  changed.set_outcome(outcome);
  changed.set_withdrawn(withdrawn);
  *changed.mutable_sampled_time() = ToProto(At(sampled));
  driver_.Foreign(event);
}

size_t FoldCity::Report(const std::string& person, std::optional<double> sampled,
                        std::optional<double> onset, int number) {
  Event event;
  auto& requested = *event.mutable_case_update_requested();
  requested.set_case_id(CaseId(person, number));
  requested.set_person_id(PersonId(person));
  auto& open = *requested.mutable_open();
  open.set_state(v1::CASE_STATE_REPORTED);
  if (sampled) *open.mutable_sampled_time() = ToProto(At(*sampled));
  if (onset) *open.mutable_onset_time() = ToProto(At(*onset));
  return driver_.Append(PersonId(person), std::move(event));
}

size_t FoldCity::SetState(const std::string& case_id, v1::CaseState state) {
  Event event;
  event.mutable_case_update_requested()->set_case_id(case_id);
  event.mutable_case_update_requested()->set_state(state);
  return driver_.Append(case_id, std::move(event));
}

size_t FoldCity::SetOnset(const std::string& case_id, std::optional<double> onset) {
  Event event;
  auto& requested = *event.mutable_case_update_requested();
  requested.set_case_id(case_id);
  *requested.mutable_onset_time() = ToProto(onset ? At(*onset) : Time{});
  return driver_.Append(case_id, std::move(event));
}

std::string FoldCity::Describe(
    const std::string& person_id,
    const google::protobuf::RepeatedPtrField<v1::SettingExposure>& settings) {
  std::vector<std::string> lines;
  for (const v1::SettingExposure& setting : settings) {
    std::string line = NameOf(person_id) + " " + NameOf(setting.setting_id()) + " " +
                       v1::ExposureClass_Name(setting.exposure_class()).substr(15) + " ";
    for (const v1::DayExposure& day : setting.days()) {
      if (line.back() != ' ') line += ",";
      line += day.date() + ":" + std::to_string(day.minutes());
    }
    if (setting.ongoing()) line += " ongoing";
    lines.push_back(std::move(line));
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "; ") + line;
  return text;
}

std::string FoldCity::Contacts(const std::string& person, int number) {
  return ContactsOf(CaseId(person, number));
}

std::string FoldCity::DescribeShared(const std::string& person_id, const std::string& bytes) {
  google::protobuf::RepeatedPtrField<v1::SettingExposure> settings;
  const auto shared = Parse<state::v1::SharedSettings>(bytes);
  for (const auto& match : shared.matches()) *settings.Add() = ToSettingExposure(match);
  return Describe(person_id, settings);
}

std::map<std::string, std::string> FoldCity::ListOf(const std::string& case_id) {
  std::map<std::string, std::string> listed;
  for (const std::string& id : driver_.Index(case_id, keys::ContactIndex(case_id))) {
    const auto bytes = driver_.Get(case_id, keys::Contact(case_id, id));
    EXPECT_TRUE(bytes.has_value());
    if (bytes) listed[NameOf(id)] = DescribeShared(id, *bytes);
  }
  return listed;
}

std::string FoldCity::Listed(const std::string& case_id) { return Join(ListOf(case_id)); }

std::string FoldCity::ContactsOf(const std::string& case_id) {
  Run();
  const std::map<std::string, std::string> listed = ListOf(case_id);
  std::map<std::string, std::string> held, published;  // by name
  for (Shard shard = 0; shard < shard_count_; ++shard) {
    for (const auto& [index, case_ids] : driver_.stored(shard).indexes) {
      const std::string prefix = keys::ExposureIndex("");
      if (!index.starts_with(prefix) || !case_ids.contains(case_id)) continue;
      const std::string id = index.substr(prefix.size());
      const auto bytes = driver_.Get(id, keys::Exposure(id, case_id));
      EXPECT_TRUE(bytes.has_value());
      if (bytes) held[NameOf(id)] = DescribeShared(id, *bytes);
    }
  }
  for (const auto& event : driver_.published(kExposureTopic)) {
    const auto& changed = event.exposure_changed();
    if (changed.case_id() != case_id) continue;
    if (changed.settings().empty()) {
      published.erase(NameOf(changed.person_id()));
    } else {
      published[NameOf(changed.person_id())] = Describe(changed.person_id(), changed.settings());
    }
  }
  EXPECT_EQ(listed, held);
  EXPECT_EQ(listed, published);
  CheckDigests();
  return Join(listed);
}

bool FoldCity::IsSearching(const std::string& case_id) const {
  return CaseNow(case_id).search_state() == v1::SEARCH_STATE_SEARCHING;
}

v1::Case FoldCity::Case(const std::string& case_id) {
  Run();
  return CaseNow(case_id);
}

v1::Case FoldCity::CaseNow(const std::string& case_id) const {
  const auto bytes = driver_.Get(case_id, keys::Case(case_id));
  if (!bytes) return {};
  return MakeCase(Parse<state::v1::CaseRecord>(*bytes),
                  ReadSlices(driver_.Members(case_id, keys::CasePins(case_id))), 0);
}

std::vector<std::string> FoldCity::CasesOf(const std::string& person) {
  Run();
  const auto bytes = driver_.Get(PersonId(person), keys::Person(PersonId(person)));
  if (!bytes) return {};
  const auto record = Parse<state::v1::TracedPerson>(*bytes);
  return {record.case_ids().begin(), record.case_ids().end()};
}

void FoldCity::CheckDigests() {
  for (Shard shard = 0; shard < shard_count_; ++shard) {
    EXPECT_EQ(driver_.digest(shard).ToHex(), driver_.Recounted(shard).ToHex());
  }
}

}  // namespace epigrid::contact_tracing
