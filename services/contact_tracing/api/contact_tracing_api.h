// ContactTracingApi: gRPC to domain. Checks fields, hands presence, settings and cases to the
// inbox, reads cases, contacts and exposures from the view.
#pragma once

#include <string>
#include <vector>

#include "common/rpc/pipeline.h"
#include "common/service/service_calls.h"
#include "epigrid/contact_tracing/v1/contact_tracing.grpc.pb.h"
#include "services/contact_tracing/view/tracing_view.h"

namespace epigrid::contact_tracing {

inline constexpr size_t kSettingsPerBatchMax = 1000;
inline constexpr size_t kPresencesPerBatchMax = 5000;

// Threads: as the pipeline calls it. Outlives the pipeline's drain.
class ContactTracingApi final : public v1::ContactTracingService::AsyncService {
 public:
  // `shard_count`: of the service, since a new case's id must belong to its person's shard.
  ContactTracingApi(Pipeline& pipeline, ServiceCalls& calls, const TracingPolicy& policy,
                    uint32_t shard_count);

 private:
  Task<Status> DoUpdateSetting(Call& call, const v1::UpdateSettingRequest& request,
                               v1::UpdateSettingResponse& response);
  Task<Status> DoBatchUpdateSettings(Call& call, const v1::BatchUpdateSettingsRequest& request,
                                     v1::BatchUpdateSettingsResponse& response);
  Task<Status> DoGetSetting(Call& call, const v1::GetSettingRequest& request,
                            v1::GetSettingResponse& response);
  Task<Status> DoRecordPresence(Call& call, const v1::RecordPresenceRequest& request,
                                v1::RecordPresenceResponse& response);
  Task<Status> DoBatchRecordPresences(Call& call, const v1::BatchRecordPresencesRequest& request,
                                      v1::BatchRecordPresencesResponse& response);
  Task<Status> DoListPresences(Call& call, const v1::ListPresencesRequest& request,
                               v1::ListPresencesResponse& response);
  Task<Status> DoReportCase(Call& call, const v1::ReportCaseRequest& request,
                            v1::ReportCaseResponse& response);
  Task<Status> DoUpdateCase(Call& call, const v1::UpdateCaseRequest& request,
                            v1::UpdateCaseResponse& response);
  Task<Status> DoGetCase(Call& call, const v1::GetCaseRequest& request,
                         v1::GetCaseResponse& response);
  Task<Status> DoListPersonCases(Call& call, const v1::ListPersonCasesRequest& request,
                                 v1::ListPersonCasesResponse& response);
  Task<Status> DoListContacts(Call& call, const v1::ListContactsRequest& request,
                              v1::ListContactsResponse& response);
  Task<Status> DoListExposures(Call& call, const v1::ListExposuresRequest& request,
                               v1::ListExposuresResponse& response);

  // Decides the settings, which are valid, in their order. `items`: their places in the request.
  Task<std::vector<Decision>> DecideSettings(Call& call, const std::string& request_id,
                                             std::vector<v1::Setting> settings,
                                             std::vector<int> items);
  // The case as it was decided, with what has been found of it by now.
  Task<v1::Case> CaseOf(const Decision& decision);
  std::string NewCaseId(const std::string& person_id);
  google::protobuf::Timestamp AsOf(const std::string& entity);

  ServiceCalls& calls_;
  const TracingPolicy policy_;
  const uint32_t shard_count_;
  const TracingView view_;
};

}  // namespace epigrid::contact_tracing
