#include "services/contact_tracing/api/contact_tracing_api.h"

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "common/rpc/fields.h"
#include "common/rpc/status_details.h"
#include "services/contact_tracing/api/checks.h"

namespace epigrid::contact_tracing {
namespace {

Command PresenceCommand(v1::PresenceObservation observation) {
  Command command{.entity = observation.person_id(), .event = {}};
  *command.event.mutable_presence_observed()->mutable_observation() = std::move(observation);
  return command;
}

template <typename Proto>
Proto ResultOf(const Decision& decision) {
  Proto proto;
  EPIGRID_CHECK(proto.ParseFromString(decision.outcome.result),
                "the outcome was written by this service");
  return proto;
}

}  // namespace

ContactTracingApi::ContactTracingApi(Pipeline& pipeline, ServiceCalls& calls,
                                     const TracingPolicy& policy, uint32_t shard_count)
    : calls_(calls), policy_(policy), shard_count_(shard_count), view_(calls.cells(), policy) {
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/UpdateSetting", this,
                 &ContactTracingApi::DoUpdateSetting);
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/BatchUpdateSettings", this,
                 &ContactTracingApi::DoBatchUpdateSettings, {.work = WorkClass::kBulk});
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/GetSetting", this,
                 &ContactTracingApi::DoGetSetting);
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/RecordPresence", this,
                 &ContactTracingApi::DoRecordPresence);
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/BatchRecordPresences", this,
                 &ContactTracingApi::DoBatchRecordPresences, {.work = WorkClass::kBulk});
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/ListPresences", this,
                 &ContactTracingApi::DoListPresences);
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/ReportCase", this,
                 &ContactTracingApi::DoReportCase, {.work = WorkClass::kCritical});
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/UpdateCase", this,
                 &ContactTracingApi::DoUpdateCase, {.work = WorkClass::kCritical});
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/GetCase", this,
                 &ContactTracingApi::DoGetCase, {.work = WorkClass::kCritical});
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/ListPersonCases", this,
                 &ContactTracingApi::DoListPersonCases, {.work = WorkClass::kCritical});
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/ListContacts", this,
                 &ContactTracingApi::DoListContacts, {.work = WorkClass::kCritical});
  pipeline.Serve("epigrid.contact_tracing.v1.ContactTracingService/ListExposures", this,
                 &ContactTracingApi::DoListExposures);
}

// --- settings ---------------------------------------------------------------------------------

Task<std::vector<Decision>> ContactTracingApi::DecideSettings(Call& call,
                                                              const std::string& request_id,
                                                              std::vector<v1::Setting> settings,
                                                              std::vector<int> items) {
  std::vector<Asked> asked;
  for (size_t k = 0; k < settings.size(); ++k) {
    v1::Setting& setting = settings[k];
    Asked& one = asked.emplace_back();
    one.item = static_cast<size_t>(items[k]);
    one.content = setting.SerializeAsString();
    if (setting.setting_id().empty()) {
      // The same request sent again must name the same setting, so that it is decided once.
      setting.set_setting_id(request_id.empty()
                                 ? MakeId(kSettingId, calls_.random().NextIdBytes())
                                 : DeriveId(kSettingId, {"made", call.caller().name, call.method(),
                                                         request_id, std::to_string(one.item)}));
    }
    one.command.entity = setting.setting_id();
    *one.command.event.mutable_setting_update_requested()->mutable_setting() = std::move(setting);
  }
  co_return co_await calls_.Decide(call, request_id, std::move(asked));
}

Task<Status> ContactTracingApi::DoUpdateSetting(Call& call, const v1::UpdateSettingRequest& request,
                                                v1::UpdateSettingResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  EPIGRID_CO_RETURN_IF_ERROR(CheckSetting(request.setting()));
  const std::vector<Decision> decisions =
      co_await DecideSettings(call, request.request_id(), {request.setting()}, {0});
  EPIGRID_CO_RETURN_IF_ERROR(decisions[0].outcome.status);
  *response.mutable_setting() = ResultOf<v1::Setting>(decisions[0]);
  response.set_revision(calls_.Revision({decisions[0].at}));
  co_return OkStatus();
}

Task<Status> ContactTracingApi::DoBatchUpdateSettings(Call& call,
                                                      const v1::BatchUpdateSettingsRequest& request,
                                                      v1::BatchUpdateSettingsResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  EPIGRID_CO_RETURN_IF_ERROR(
      CheckBatchSize(request.settings().size(), kSettingsPerBatchMax, "settings"));
  std::vector<v1::Setting> settings;
  std::vector<int> asked;  // their places in the request
  for (int i = 0; i < request.settings_size(); ++i) {
    v1::SettingResult& result = *response.add_results();
    result.set_setting_id(request.settings(i).setting_id());
    if (Status status = CheckSetting(request.settings(i)); !status.ok()) {
      SetProtoStatus(status, result.mutable_status());
      continue;
    }
    settings.push_back(request.settings(i));
    asked.push_back(i);
  }
  if (settings.empty()) co_return OkStatus();
  const std::vector<Decision> decisions =
      co_await DecideSettings(call, request.request_id(), std::move(settings), asked);
  std::vector<ShardPosition> positions;
  for (size_t k = 0; k < asked.size(); ++k) {
    v1::SettingResult& result = *response.mutable_results(asked[k]);
    SetProtoStatus(decisions[k].outcome.status, result.mutable_status());
    if (!decisions[k].outcome.status.ok()) continue;
    result.set_setting_id(ResultOf<v1::Setting>(decisions[k]).setting_id());
    positions.push_back(decisions[k].at);
  }
  response.set_revision(calls_.Revision(positions));
  co_return OkStatus();
}

// --- presence ---------------------------------------------------------------------------------

Task<Status> ContactTracingApi::DoRecordPresence(Call& call,
                                                 const v1::RecordPresenceRequest& request,
                                                 v1::RecordPresenceResponse& response) {
  v1::PresenceObservation observation = request.observation();
  EPIGRID_CO_RETURN_IF_ERROR(CheckObservation(policy_, calls_.Now(), observation));
  std::vector<Command> commands;
  commands.push_back(PresenceCommand(std::move(observation)));
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ShardPosition> at,
                              co_await calls_.Append(call, std::move(commands)));
  response.set_revision(calls_.Revision(at));
  co_return OkStatus();
}

Task<Status> ContactTracingApi::DoBatchRecordPresences(
    Call& call, const v1::BatchRecordPresencesRequest& request,
    v1::BatchRecordPresencesResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(
      CheckBatchSize(request.observations().size(), kPresencesPerBatchMax, "observations"));
  const Time now = calls_.Now();
  auto observations = request.observations();
  std::vector<Status> statuses;
  statuses.reserve(request.observations().size());
  for (v1::PresenceObservation& observation : observations) {
    statuses.push_back(CheckObservation(policy_, now, observation));
  }
  CheckTogether(observations, statuses);
  std::vector<Command> commands;
  commands.reserve(statuses.size());
  for (size_t i = 0; i < statuses.size(); ++i) {
    if (statuses[i].ok()) {
      commands.push_back(PresenceCommand(std::move(observations[static_cast<int>(i)])));
      continue;
    }
    v1::RejectedItem& rejected = *response.add_rejected();
    rejected.set_index(static_cast<uint32_t>(i));
    SetProtoStatus(statuses[i], rejected.mutable_status());
  }
  response.set_accepted_count(static_cast<uint32_t>(commands.size()));
  if (commands.empty()) co_return OkStatus();
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ShardPosition> at,
                              co_await calls_.Append(call, std::move(commands)));
  response.set_revision(calls_.Revision(at));
  co_return OkStatus();
}

// --- cases ------------------------------------------------------------------------------------

std::string ContactTracingApi::NewCaseId(const std::string& person_id) {
  const Shard shard = ShardOf(person_id, shard_count_);
  for (;;) {
    std::string case_id = MakeId(kCaseId, calls_.random().NextIdBytes());
    if (ShardOf(case_id, shard_count_) == shard) return case_id;
  }
}

Task<v1::Case> ContactTracingApi::CaseOf(const Decision& decision) {
  auto decided = ResultOf<v1::Case>(decision);
  const Result<v1::Case> seen = co_await view_.GetCase(decided.case_id());
  // It is decided whether the view answers or not.
  if (!seen.ok()) co_return decided;
  decided.set_search_state(seen->search_state());
  decided.set_setting_count(seen->setting_count());
  decided.set_searched_setting_count(seen->searched_setting_count());
  decided.set_contact_count(seen->contact_count());
  co_return decided;
}

Task<Status> ContactTracingApi::DoReportCase(Call& call, const v1::ReportCaseRequest& told,
                                             v1::ReportCaseResponse& response) {
  v1::ReportCaseRequest request = told;
  EPIGRID_CO_RETURN_IF_ERROR(CheckReport(policy_, calls_.Now(), request));
  Command command{.entity = request.person_id(), .event = {}};
  events::v1::CaseUpdateRequested& requested = *command.event.mutable_case_update_requested();
  requested.set_case_id(NewCaseId(request.person_id()));
  requested.set_person_id(request.person_id());
  requested.mutable_open()->set_state(request.state());
  if (request.has_onset_time()) {
    *requested.mutable_open()->mutable_onset_time() = request.onset_time();
  }
  if (request.has_sampled_time()) {
    *requested.mutable_open()->mutable_sampled_time() = request.sampled_time();
  }
  const std::string request_id = request.request_id();
  request.clear_request_id();
  std::vector<Asked> asked;
  asked.push_back({.content = request.SerializeAsString(), .command = std::move(command)});
  const std::vector<Decision> decisions =
      co_await calls_.Decide(call, request_id, std::move(asked));
  EPIGRID_CO_RETURN_IF_ERROR(decisions[0].outcome.status);
  *response.mutable_case_() = co_await CaseOf(decisions[0]);
  response.set_revision(calls_.Revision({decisions[0].at}));
  co_return OkStatus();
}

Task<Status> ContactTracingApi::DoUpdateCase(Call& call, const v1::UpdateCaseRequest& told,
                                             v1::UpdateCaseResponse& response) {
  v1::UpdateCaseRequest request = told;
  EPIGRID_CO_RETURN_IF_ERROR(CheckUpdate(policy_, calls_.Now(), request));
  Command command{.entity = request.case_id(), .event = {}};
  events::v1::CaseUpdateRequested& requested = *command.event.mutable_case_update_requested();
  requested.set_case_id(request.case_id());
  switch (request.action_case()) {
    case v1::UpdateCaseRequest::kState: requested.set_state(request.state()); break;
    case v1::UpdateCaseRequest::kOnsetTime:
      *requested.mutable_onset_time() = request.onset_time();
      break;
    default: requested.mutable_onset_time(); break;  // zero: without symptoms
  }
  const std::string request_id = request.request_id();
  request.clear_request_id();
  std::vector<Asked> asked;
  asked.push_back({.content = request.SerializeAsString(), .command = std::move(command)});
  const std::vector<Decision> decisions =
      co_await calls_.Decide(call, request_id, std::move(asked));
  EPIGRID_CO_RETURN_IF_ERROR(decisions[0].outcome.status);
  *response.mutable_case_() = co_await CaseOf(decisions[0]);
  response.set_revision(calls_.Revision({decisions[0].at}));
  co_return OkStatus();
}

}  // namespace epigrid::contact_tracing
