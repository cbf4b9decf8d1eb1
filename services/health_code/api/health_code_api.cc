#include "services/health_code/api/health_code_api.h"

#include "common/base/proto_time.h"
#include "common/rpc/fields.h"
#include "common/rpc/page_token.h"
#include "common/rpc/status_details.h"
#include "services/health_code/api/evidence_check.h"
#include "services/health_code/view/code_view.h"
#include "services/health_code/view/keys.h"

namespace epigrid::health_code {
namespace {

Command EvidenceCommand(v1::Evidence evidence) {
  Command command{.entity = evidence.person_id(), .event = {}};
  *command.event.mutable_evidence_observed()->mutable_evidence() = std::move(evidence);
  return command;
}

}  // namespace

HealthCodeApi::HealthCodeApi(Pipeline& pipeline, ServiceCalls& calls, Duration evidence_age_max)
    : calls_(calls), evidence_age_max_(evidence_age_max) {
  pipeline.Serve("epigrid.health_code.v1.HealthCodeService/RecordEvidence", this,
                 &HealthCodeApi::DoRecordEvidence, {.work = WorkClass::kCritical});
  pipeline.Serve("epigrid.health_code.v1.HealthCodeService/BatchRecordEvidence", this,
                 &HealthCodeApi::DoBatchRecordEvidence, {.work = WorkClass::kCritical});
  pipeline.Serve("epigrid.health_code.v1.HealthCodeService/GetCode", this,
                 &HealthCodeApi::DoGetCode,
                 {.work = WorkClass::kCritical, .served_to_the_end = true});
  pipeline.Serve("epigrid.health_code.v1.HealthCodeService/BatchGetCodes", this,
                 &HealthCodeApi::DoBatchGetCodes);
  pipeline.Serve("epigrid.health_code.v1.HealthCodeService/ListEvidence", this,
                 &HealthCodeApi::DoListEvidence);
}

Task<Status> HealthCodeApi::DoRecordEvidence(Call& call, const v1::RecordEvidenceRequest& request,
                                             v1::RecordEvidenceResponse& response) {
  v1::Evidence evidence = request.evidence();
  EPIGRID_CO_RETURN_IF_ERROR(CheckEvidence(evidence, calls_.Now(), evidence_age_max_));
  std::vector<Command> commands;
  commands.push_back(EvidenceCommand(std::move(evidence)));
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ShardPosition> at,
                              co_await calls_.Append(call, std::move(commands)));
  response.set_revision(calls_.Revision(at));
  co_return OkStatus();
}

Task<Status> HealthCodeApi::DoBatchRecordEvidence(Call& call,
                                                  const v1::BatchRecordEvidenceRequest& request,
                                                  v1::BatchRecordEvidenceResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(
      CheckBatchSize(request.evidence().size(), kEvidencePerBatchMax, "evidence"));
  const Time now = calls_.Now();
  std::vector<Command> commands;
  for (int i = 0; i < request.evidence_size(); ++i) {
    v1::Evidence evidence = request.evidence(i);
    if (Status status = CheckEvidence(evidence, now, evidence_age_max_); status.ok()) {
      commands.push_back(EvidenceCommand(std::move(evidence)));
    } else {
      v1::RejectedItem& rejected = *response.add_rejected();
      rejected.set_index(static_cast<uint32_t>(i));
      SetProtoStatus(status, rejected.mutable_status());
    }
  }
  response.set_accepted_count(static_cast<uint32_t>(commands.size()));
  if (commands.empty()) co_return OkStatus();
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ShardPosition> at,
                              co_await calls_.Append(call, std::move(commands)));
  response.set_revision(calls_.Revision(at));
  co_return OkStatus();
}

v1::Code HealthCodeApi::ShownCode(const std::string& person_id,
                                  const std::optional<std::string>& cell, Time as_of) const {
  if (calls_.shards().IsParked(person_id)) return CodeUnderReview(person_id, as_of);
  return CodeAsOf(person_id, cell, as_of);
}

Task<Status> HealthCodeApi::DoGetCode(Call& call, const v1::GetCodeRequest& request,
                                      v1::GetCodeResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kPersonId, request.person_id(), "person_id"));
  if (!request.revision().empty()) {
    EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));
  }
  const Time as_of = calls_.shards().AsOf(request.person_id());
  EPIGRID_CO_ASSIGN_OR_RETURN(
      const std::optional<std::string> cell,
      co_await calls_.cells().Get(request.person_id(), keys::Code(request.person_id())));
  *response.mutable_code() = ShownCode(request.person_id(), cell, as_of);
  co_return OkStatus();
}

Task<Status> HealthCodeApi::DoBatchGetCodes(Call& call, const v1::BatchGetCodesRequest& request,
                                            v1::BatchGetCodesResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(
      CheckBatchSize(request.person_ids().size(), kCodesPerBatchMax, "person_ids"));
  EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));
  std::vector<CellAddress> addresses;
  addresses.reserve(static_cast<size_t>(request.person_ids_size()));
  std::vector<int> asked;   // their places in the request
  std::vector<Time> as_of;  // of each that is asked for
  for (int i = 0; i < request.person_ids_size(); ++i) {
    const std::string& person_id = request.person_ids(i);
    v1::CodeResult& result = *response.add_results();
    if (Status status = CheckId(kPersonId, person_id, "person_ids"); !status.ok()) {
      SetProtoStatus(status, result.mutable_status());
      continue;
    }
    addresses.push_back({person_id, keys::Code(person_id)});
    asked.push_back(i);
    as_of.push_back(calls_.shards().AsOf(person_id));
  }
  const auto found = co_await calls_.cells().GetMany(std::move(addresses));
  for (size_t k = 0; k < asked.size(); ++k) {
    v1::CodeResult& result = *response.mutable_results(asked[k]);
    SetProtoStatus(found[k].status(), result.mutable_status());
    if (!found[k].ok()) continue;
    *result.mutable_code() = ShownCode(request.person_ids(asked[k]), found[k].value(), as_of[k]);
  }
  co_return OkStatus();
}

Task<Status> HealthCodeApi::DoListEvidence(Call& call, const v1::ListEvidenceRequest& request,
                                           v1::ListEvidenceResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kPersonId, request.person_id(), "person_id"));
  EPIGRID_CO_ASSIGN_OR_RETURN(const size_t page_size, CheckPageSize(request.page_size()));
  const uint64_t query = QueryFingerprint(call.method(), request);
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::string after, ParsePageToken(request.page_token(), query));
  EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));
  *response.mutable_as_of_time() = ToProto(calls_.shards().AsOf(request.person_id()));
  EPIGRID_CO_ASSIGN_OR_RETURN(
      const auto members,
      co_await calls_.cells().GetMembers(request.person_id(), keys::Evidence(request.person_id())));
  for (auto it = members.upper_bound(after); it != members.end(); ++it) {
    if (static_cast<size_t>(response.evidence_size()) == page_size) {
      response.set_next_page_token(MakePageToken(query, std::prev(it)->first));
      break;
    }
    state::v1::StoredEvidence stored;
    EPIGRID_CHECK(stored.ParseFromString(it->second), "the cell was written by this service");
    *response.add_evidence() = std::move(*stored.mutable_evidence());
  }
  co_return OkStatus();
}

}  // namespace epigrid::health_code
