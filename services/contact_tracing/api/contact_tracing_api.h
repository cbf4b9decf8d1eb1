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
class ContactTracingApi final : public v1::ContactTracingService::CallbackService {
 public:
  // `shard_count`: of the service, since a new case's id must belong to its person's shard.
  ContactTracingApi(Pipeline& pipeline, ServiceCalls& calls, const TracingPolicy& policy,
                    uint32_t shard_count);

  grpc::ServerUnaryReactor* UpdateSetting(grpc::CallbackServerContext* context,
                                          const v1::UpdateSettingRequest* request,
                                          v1::UpdateSettingResponse* response) override {
    return pipeline_.Serve(context, request, response, update_setting_, this,
                           &ContactTracingApi::DoUpdateSetting);
  }
  grpc::ServerUnaryReactor* BatchUpdateSettings(
      grpc::CallbackServerContext* context, const v1::BatchUpdateSettingsRequest* request,
      v1::BatchUpdateSettingsResponse* response) override {
    return pipeline_.Serve(context, request, response, batch_update_settings_, this,
                           &ContactTracingApi::DoBatchUpdateSettings);
  }
  grpc::ServerUnaryReactor* GetSetting(grpc::CallbackServerContext* context,
                                       const v1::GetSettingRequest* request,
                                       v1::GetSettingResponse* response) override {
    return pipeline_.Serve(context, request, response, get_setting_, this,
                           &ContactTracingApi::DoGetSetting);
  }
  grpc::ServerUnaryReactor* RecordPresence(grpc::CallbackServerContext* context,
                                           const v1::RecordPresenceRequest* request,
                                           v1::RecordPresenceResponse* response) override {
    return pipeline_.Serve(context, request, response, record_presence_, this,
                           &ContactTracingApi::DoRecordPresence);
  }
  grpc::ServerUnaryReactor* BatchRecordPresences(
      grpc::CallbackServerContext* context, const v1::BatchRecordPresencesRequest* request,
      v1::BatchRecordPresencesResponse* response) override {
    return pipeline_.Serve(context, request, response, batch_record_presences_, this,
                           &ContactTracingApi::DoBatchRecordPresences);
  }
  grpc::ServerUnaryReactor* ListPresences(grpc::CallbackServerContext* context,
                                          const v1::ListPresencesRequest* request,
                                          v1::ListPresencesResponse* response) override {
    return pipeline_.Serve(context, request, response, list_presences_, this,
                           &ContactTracingApi::DoListPresences);
  }
  grpc::ServerUnaryReactor* ReportCase(grpc::CallbackServerContext* context,
                                       const v1::ReportCaseRequest* request,
                                       v1::ReportCaseResponse* response) override {
    return pipeline_.Serve(context, request, response, report_case_, this,
                           &ContactTracingApi::DoReportCase);
  }
  grpc::ServerUnaryReactor* UpdateCase(grpc::CallbackServerContext* context,
                                       const v1::UpdateCaseRequest* request,
                                       v1::UpdateCaseResponse* response) override {
    return pipeline_.Serve(context, request, response, update_case_, this,
                           &ContactTracingApi::DoUpdateCase);
  }
  grpc::ServerUnaryReactor* GetCase(grpc::CallbackServerContext* context,
                                    const v1::GetCaseRequest* request,
                                    v1::GetCaseResponse* response) override {
    return pipeline_.Serve(context, request, response, get_case_, this,
                           &ContactTracingApi::DoGetCase);
  }
  grpc::ServerUnaryReactor* ListPersonCases(grpc::CallbackServerContext* context,
                                            const v1::ListPersonCasesRequest* request,
                                            v1::ListPersonCasesResponse* response) override {
    return pipeline_.Serve(context, request, response, list_person_cases_, this,
                           &ContactTracingApi::DoListPersonCases);
  }
  grpc::ServerUnaryReactor* ListContacts(grpc::CallbackServerContext* context,
                                         const v1::ListContactsRequest* request,
                                         v1::ListContactsResponse* response) override {
    return pipeline_.Serve(context, request, response, list_contacts_, this,
                           &ContactTracingApi::DoListContacts);
  }
  grpc::ServerUnaryReactor* ListExposures(grpc::CallbackServerContext* context,
                                          const v1::ListExposuresRequest* request,
                                          v1::ListExposuresResponse* response) override {
    return pipeline_.Serve(context, request, response, list_exposures_, this,
                           &ContactTracingApi::DoListExposures);
  }

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

  // Decides the settings, which are valid, in their order.
  Task<std::vector<Decision>> DecideSettings(Call& call, const std::string& request_id,
                                             std::vector<v1::Setting> settings);
  // The case as it was decided, with what has been found of it by now.
  Task<v1::Case> CaseOf(const Decision& decision);
  std::string NewCaseId(const std::string& person_id);
  google::protobuf::Timestamp AsOf(const std::string& entity);

  Pipeline& pipeline_;
  ServiceCalls& calls_;
  const TracingPolicy policy_;
  const uint32_t shard_count_;
  const TracingView view_;
  Method& update_setting_;
  Method& batch_update_settings_;
  Method& get_setting_;
  Method& record_presence_;
  Method& batch_record_presences_;
  Method& list_presences_;
  Method& report_case_;
  Method& update_case_;
  Method& get_case_;
  Method& list_person_cases_;
  Method& list_contacts_;
  Method& list_exposures_;
};

}  // namespace epigrid::contact_tracing
