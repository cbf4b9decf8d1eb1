#include "services/contact_tracing/api/checks.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "common/rpc/fields.h"
#include "services/contact_tracing/domain/case_book.h"

namespace epigrid::contact_tracing {
namespace {

constexpr size_t kPositionCharactersMax = 32;

// A day that is taken in.
Status CheckRetention(const TracingPolicy& policy, Time time, Time now, std::string_view field) {
  if (!policy.IsPast(policy.zone.LocalDay(time), now)) return OkStatus();
  return InvalidField("TIME_BEYOND_RETENTION",
                      "lies more than " + std::to_string(policy.retention_days) +
                          " days back; presence is not kept so long",
                      field);
}

Status CheckStay(Time start, Time end, std::string_view field) {
  if (end <= start) {
    return InvalidField("END_BEFORE_START", "must lie after the check-in", field);
  }
  if (end - start > kDeclaredStayMax) {
    return InvalidField("STAY_TOO_LONG", "must lie at most 24 h after the check-in", field);
  }
  return OkStatus();
}

Status CheckCheckIn(const TracingPolicy& policy, Time now, const v1::CheckIn& check_in) {
  EPIGRID_RETURN_IF_ERROR(CheckPlaceId(check_in.setting_id(), "check_in.setting_id"));
  EPIGRID_RETURN_IF_ERROR(
      CheckPastTime(check_in.has_start_time(), check_in.start_time(), now, "check_in.start_time"));
  const Time start = FromProto(check_in.start_time());
  EPIGRID_RETURN_IF_ERROR(CheckRetention(policy, start, now, "check_in.start_time"));
  if (check_in.has_end_time()) {
    EPIGRID_RETURN_IF_ERROR(CheckPastTime(true, check_in.end_time(), now, "check_in.end_time"));
    EPIGRID_RETURN_IF_ERROR(CheckStay(start, FromProto(check_in.end_time()), "check_in.end_time"));
  }
  return CheckText(check_in.position(), kPositionCharactersMax, "check_in.position");
}

Status CheckRevision(uint32_t revision) {
  if (revision >= 2) return OkStatus();
  return InvalidField("REVISION_TOO_LOW", "must be higher than that of the check-in", "revision");
}

// An onset or a sampling: further back it is another infection, and no presence is left to search.
Status CheckCaseTime(const TracingPolicy& policy, const google::protobuf::Timestamp& time, Time now,
                     std::string_view field) {
  const Duration kept = std::chrono::hours(24 * (policy.retention_days + 1));
  return CheckRecentTime(true, time, now, std::max(policy.reinfection, kept), field);
}

}  // namespace

Status CheckObservation(const TracingPolicy& policy, Time now,
                        v1::PresenceObservation& observation) {
  if (observation.revision() == 0) observation.set_revision(1);
  EPIGRID_RETURN_IF_ERROR(CheckSource(observation.source(), "source"));
  EPIGRID_RETURN_IF_ERROR(CheckSourceId(observation.source_id(), "source_id"));
  EPIGRID_RETURN_IF_ERROR(CheckId(kPersonId, observation.person_id(), "person_id"));
  switch (observation.what_case()) {
    case v1::PresenceObservation::kCheckIn:
      return CheckCheckIn(policy, now, observation.check_in());
    case v1::PresenceObservation::kCheckOut: {
      const v1::CheckOut& check_out = observation.check_out();
      EPIGRID_RETURN_IF_ERROR(CheckRevision(observation.revision()));
      EPIGRID_RETURN_IF_ERROR(
          CheckPastTime(check_out.has_end_time(), check_out.end_time(), now, "check_out.end_time"));
      return CheckRetention(policy, FromProto(check_out.end_time()), now, "check_out.end_time");
    }
    case v1::PresenceObservation::kDeletion: return CheckRevision(observation.revision());
    case v1::PresenceObservation::WHAT_NOT_SET: break;
  }
  return InvalidField("PRESENCE_MISSING", "must be one of check_in, check_out, deletion",
                      "observation");
}

void CheckTogether(const google::protobuf::RepeatedPtrField<v1::PresenceObservation>& observations,
                   std::vector<Status>& statuses) {
  using Key = std::tuple<std::string_view, std::string_view, std::string_view>;
  const auto key_of = [](const v1::PresenceObservation& told) {
    return Key(told.person_id(), told.source(), told.source_id());
  };
  if (std::none_of(observations.begin(), observations.end(),
                   [](const auto& told) { return told.has_check_out(); })) {
    return;
  }
  std::map<Key, std::map<uint32_t, Time>> starts;  // by revision
  for (int i = 0; i < observations.size(); ++i) {
    const v1::PresenceObservation& told = observations[i];
    if (!statuses[static_cast<size_t>(i)].ok() || !told.has_check_in()) continue;
    starts[key_of(told)][told.revision()] = FromProto(told.check_in().start_time());
  }
  for (int i = 0; i < observations.size(); ++i) {
    const v1::PresenceObservation& told = observations[i];
    if (!statuses[static_cast<size_t>(i)].ok() || !told.has_check_out()) continue;
    const auto of_key = starts.find(key_of(told));
    if (of_key == starts.end()) continue;
    // The check-in that it completes: the highest revision below its own.
    const auto above = of_key->second.lower_bound(told.revision());
    if (above == of_key->second.begin()) continue;
    statuses[static_cast<size_t>(i)] = CheckStay(
        std::prev(above)->second, FromProto(told.check_out().end_time()), "check_out.end_time");
  }
}

Status CheckSetting(const v1::Setting& setting) {
  if (!setting.setting_id().empty()) {
    EPIGRID_RETURN_IF_ERROR(CheckPlaceId(setting.setting_id(), "setting.setting_id"));
  }
  if (setting.category() == v1::SETTING_CATEGORY_UNSPECIFIED ||
      !v1::SettingCategory_IsValid(static_cast<int>(setting.category()))) {
    return InvalidField("CATEGORY_MISSING", "must say what kind of place it is",
                        "setting.category");
  }
  // The category decides the class of an exposure there.
  if ((setting.category() == v1::SETTING_CATEGORY_HOUSEHOLD) !=
      setting.setting_id().starts_with(kHouseholdId.prefix())) {
    return InvalidField("CATEGORY_MISMATCH",
                        "must be HOUSEHOLD for the id of a household, and for no other",
                        "setting.category");
  }
  // Written so that not-a-number is refused too.
  if (setting.has_location() &&
      !(setting.location().latitude() >= -90 && setting.location().latitude() <= 90 &&
        setting.location().longitude() >= -180 && setting.location().longitude() <= 180)) {
    return InvalidField("LOCATION_OUT_OF_RANGE",
                        "must have a latitude of -90 to 90 and a longitude of -180 to 180 degrees",
                        "setting.location");
  }
  EPIGRID_RETURN_IF_ERROR(CheckRegionCode(setting.region_code(), "setting.region_code"));
  if (setting.has_usual_stay()) {
    const int64_t seconds = setting.usual_stay().seconds();
    const bool is_whole = setting.usual_stay().nanos() == 0;
    if (!is_whole || seconds < 600 || seconds > int64_t{12} * 3600) {
      return InvalidField("USUAL_STAY_OUT_OF_RANGE",
                          "must be 10 minutes to 12 hours, in whole seconds", "setting.usual_stay");
    }
  }
  return OkStatus();
}

Status CheckReport(const TracingPolicy& policy, Time now, v1::ReportCaseRequest& request) {
  if (request.state() == v1::CASE_STATE_UNSPECIFIED) request.set_state(v1::CASE_STATE_REPORTED);
  EPIGRID_RETURN_IF_ERROR(CheckId(kPersonId, request.person_id(), "person_id"));
  EPIGRID_RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  if (!IsAgencyState(request.state())) {
    return InvalidField("CASE_STATE_INVALID", "must be REPORTED or CONFIRMED", "state");
  }
  if (!request.has_onset_time() && !request.has_sampled_time()) {
    return InvalidField("CASE_TIME_MISSING", "a case needs onset_time or sampled_time",
                        "sampled_time");
  }
  if (request.has_onset_time()) {
    EPIGRID_RETURN_IF_ERROR(CheckCaseTime(policy, request.onset_time(), now, "onset_time"));
  }
  if (!request.has_sampled_time()) return OkStatus();
  return CheckCaseTime(policy, request.sampled_time(), now, "sampled_time");
}

Status CheckUpdate(const TracingPolicy& policy, Time now, const v1::UpdateCaseRequest& request) {
  EPIGRID_RETURN_IF_ERROR(CheckId(kCaseId, request.case_id(), "case_id"));
  EPIGRID_RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  switch (request.action_case()) {
    case v1::UpdateCaseRequest::kState:
      if (IsAgencyState(request.state()) || request.state() == v1::CASE_STATE_EXCLUDED) {
        return OkStatus();
      }
      return InvalidField("CASE_STATE_INVALID", "must be REPORTED, CONFIRMED or EXCLUDED", "state");
    case v1::UpdateCaseRequest::kOnsetTime:
      return CheckCaseTime(policy, request.onset_time(), now, "onset_time");
    case v1::UpdateCaseRequest::kWithoutSymptoms:
      if (request.without_symptoms()) return OkStatus();
      break;
    case v1::UpdateCaseRequest::ACTION_NOT_SET: break;
  }
  return InvalidField("ACTION_MISSING", "must be one of state, onset_time, without_symptoms: true",
                      "action");
}

}  // namespace epigrid::contact_tracing
