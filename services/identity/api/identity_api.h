// IdentityApi: epigrid.identity.v1.IdentityService on gRPC. Fields in, domain out; no rules.
//
// Life cycle and threads: as Pipeline (common/rpc/pipeline.h) asks of services.
#pragma once

#include "common/metrics/metrics.h"
#include "common/rpc/pipeline.h"
#include "common/service/service_calls.h"
#include "epigrid/identity/v1/identity.grpc.pb.h"
#include "services/identity/api/identity_commands.h"
#include "services/identity/view/person_directory.h"

namespace epigrid::identity {

class IdentityApi final : public v1::IdentityService::AsyncService {
 public:
  // All outlive it.
  IdentityApi(Pipeline& pipeline, Metrics& metrics, ServiceCalls& calls,
              const IdentityCommands& commands, const PersonDirectory& directory);

 private:
  Task<Status> DoRegisterPerson(Call& call, const v1::RegisterPersonRequest& request,
                                v1::RegisterPersonResponse& response);
  Task<Status> DoBatchRegisterPersons(Call& call, const v1::BatchRegisterPersonsRequest& request,
                                      v1::BatchRegisterPersonsResponse& response);
  Task<Status> DoGetPerson(Call& call, const v1::GetPersonRequest& request,
                           v1::GetPersonResponse& response);
  Task<Status> DoUpdatePerson(Call& call, const v1::UpdatePersonRequest& request,
                              v1::UpdatePersonResponse& response);
  Task<Status> DoUpdateHousehold(Call& call, const v1::UpdateHouseholdRequest& request,
                                 v1::UpdateHouseholdResponse& response);
  Task<Status> DoBatchUpdateMemberships(Call& call,
                                        const v1::BatchUpdateMembershipsRequest& request,
                                        v1::BatchUpdateMembershipsResponse& response);
  Task<Status> DoGetHousehold(Call& call, const v1::GetHouseholdRequest& request,
                              v1::GetHouseholdResponse& response);
  Task<Status> DoResolveContactPoints(Call& call, const v1::ResolveContactPointsRequest& request,
                                      v1::ResolveContactPointsResponse& response);

  // What remains of the call waits for keys and for the fold.
  CommandContext HandOver(Call& call) const;
  void Count(const IdentityCommands::Registered& result) const;

  ServiceCalls& calls_;
  const IdentityCommands& commands_;
  const PersonDirectory& directory_;
  prometheus::Counter& created_;
  prometheus::Counter& known_;
  prometheus::Counter& refused_;
  prometheus::Counter& resolved_;
};

}  // namespace epigrid::identity
