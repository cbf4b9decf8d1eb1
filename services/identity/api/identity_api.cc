#include "services/identity/api/identity_api.h"

#include "common/base/proto_time.h"
#include "common/log/log.h"
#include "common/rpc/fields.h"
#include "common/rpc/status_details.h"

namespace epigrid::identity {
namespace {

constexpr const char* kRegistrations = "epigrid_identity_registrations_total";
constexpr const char* kRegistrationsHelp = "Registrations by what became of them";
constexpr const char* kPurpose = "epidemic_control";

}  // namespace

IdentityApi::IdentityApi(Pipeline& pipeline, Metrics& metrics, ServiceCalls& calls,
                         const IdentityCommands& commands, const PersonDirectory& directory)
    : calls_(calls),
      commands_(commands),
      directory_(directory),
      created_(metrics.Counter(kRegistrations, kRegistrationsHelp, {{"outcome", "created"}})),
      known_(metrics.Counter(kRegistrations, kRegistrationsHelp, {{"outcome", "known"}})),
      refused_(metrics.Counter(kRegistrations, kRegistrationsHelp, {{"outcome", "refused"}})),
      resolved_(metrics.Counter("epigrid_identity_contact_resolutions_total",
                                "People whose contact points were asked for")) {
  pipeline.Serve("epigrid.identity.v1.IdentityService/RegisterPerson", this,
                 &IdentityApi::DoRegisterPerson);
  pipeline.Serve("epigrid.identity.v1.IdentityService/BatchRegisterPersons", this,
                 &IdentityApi::DoBatchRegisterPersons, {.work = WorkClass::kBulk});
  pipeline.Serve("epigrid.identity.v1.IdentityService/GetPerson", this, &IdentityApi::DoGetPerson);
  pipeline.Serve("epigrid.identity.v1.IdentityService/UpdatePerson", this,
                 &IdentityApi::DoUpdatePerson);
  pipeline.Serve("epigrid.identity.v1.IdentityService/UpdateHousehold", this,
                 &IdentityApi::DoUpdateHousehold);
  pipeline.Serve("epigrid.identity.v1.IdentityService/BatchUpdateMemberships", this,
                 &IdentityApi::DoBatchUpdateMemberships, {.work = WorkClass::kBulk});
  pipeline.Serve("epigrid.identity.v1.IdentityService/GetHousehold", this,
                 &IdentityApi::DoGetHousehold);
  pipeline.Serve("epigrid.identity.v1.IdentityService/ResolveContactPoints", this,
                 &IdentityApi::DoResolveContactPoints, {.work = WorkClass::kCritical});
}

CommandContext IdentityApi::HandOver(Call& call) const {
  call.HandOver();
  const Time now = calls_.Now();
  return {.origin = {.recorded_at = now,
                     .actor = call.caller().name,
                     .purpose = kPurpose,
                     .traceparent = std::string(call.traceparent())},
          .method = std::string(call.method()),
          .deadline = now + call.wait_time(),
          .work = call.work()};
}

void IdentityApi::Count(const IdentityCommands::Registered& result) const {
  (!result.status.ok() ? refused_ : result.created ? created_ : known_).Increment();
}

Task<Status> IdentityApi::DoRegisterPerson(Call& call, const v1::RegisterPersonRequest& request,
                                           v1::RegisterPersonResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  const IdentityCommands::RegisteredBatch batch = co_await commands_.Register(
      HandOver(call), {request.registration()}, request.request_id(), "registration");
  const IdentityCommands::Registered& result = batch.results[0];
  Count(result);
  EPIGRID_CO_RETURN_IF_ERROR(result.status);
  response.set_person_id(result.person_id);
  response.set_created(result.created);
  response.set_revision(calls_.Revision(batch.revision));
  co_return OkStatus();
}

Task<Status> IdentityApi::DoBatchRegisterPersons(Call& call,
                                                 const v1::BatchRegisterPersonsRequest& request,
                                                 v1::BatchRegisterPersonsResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  EPIGRID_CO_RETURN_IF_ERROR(CheckBatchSize(static_cast<size_t>(request.registrations_size()),
                                            kBatchMax, "registrations"));
  const IdentityCommands::RegisteredBatch batch = co_await commands_.Register(
      HandOver(call), {request.registrations().begin(), request.registrations().end()},
      request.request_id(), "registrations");
  for (const IdentityCommands::Registered& result : batch.results) {
    Count(result);
    v1::RegistrationResult& answer = *response.add_results();
    SetProtoStatus(result.status, answer.mutable_status());
    answer.set_person_id(result.person_id);
    answer.set_created(result.created);
  }
  response.set_revision(calls_.Revision(batch.revision));
  co_return OkStatus();
}

Task<Status> IdentityApi::DoGetPerson(Call& call, const v1::GetPersonRequest& request,
                                      v1::GetPersonResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kPersonId, request.person_id(), "person_id"));
  EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));
  const Time as_of = calls_.shards().AsOf(request.person_id());
  EPIGRID_CO_ASSIGN_OR_RETURN(*response.mutable_person(),
                              co_await directory_.GetPerson(request.person_id()));
  *response.mutable_as_of_time() = ToProto(as_of);
  co_return OkStatus();
}

Task<Status> IdentityApi::DoUpdatePerson(Call& call, const v1::UpdatePersonRequest& request,
                                         v1::UpdatePersonResponse& response) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ShardPosition> revision,
                              co_await commands_.UpdatePerson(HandOver(call), request));
  response.set_revision(calls_.Revision(revision));
  co_return OkStatus();
}

Task<Status> IdentityApi::DoUpdateHousehold(Call& call, const v1::UpdateHouseholdRequest& request,
                                            v1::UpdateHouseholdResponse& response) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const IdentityCommands::UpdatedHousehold updated,
                              co_await commands_.UpdateHousehold(HandOver(call), request));
  response.set_household_id(updated.household_id);
  response.set_revision(calls_.Revision(updated.revision));
  co_return OkStatus();
}

Task<Status> IdentityApi::DoBatchUpdateMemberships(Call& call,
                                                   const v1::BatchUpdateMembershipsRequest& request,
                                                   v1::BatchUpdateMembershipsResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  EPIGRID_CO_RETURN_IF_ERROR(
      CheckBatchSize(static_cast<size_t>(request.memberships_size()), kBatchMax, "memberships"));
  const IdentityCommands::UpdatedMemberships updated = co_await commands_.UpdateMemberships(
      HandOver(call), {request.memberships().begin(), request.memberships().end()},
      request.request_id());
  for (const Status& status : updated.results) SetProtoStatus(status, response.add_results());
  response.set_revision(calls_.Revision(updated.revision));
  co_return OkStatus();
}

Task<Status> IdentityApi::DoGetHousehold(Call& call, const v1::GetHouseholdRequest& request,
                                         v1::GetHouseholdResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kHouseholdId, request.household_id(), "household_id"));
  EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));
  const Time as_of = calls_.shards().AsOf(request.household_id());
  EPIGRID_CO_ASSIGN_OR_RETURN(*response.mutable_household(),
                              co_await directory_.GetHousehold(request.household_id()));
  *response.mutable_as_of_time() = ToProto(as_of);
  co_return OkStatus();
}

Task<Status> IdentityApi::DoResolveContactPoints(Call& call,
                                                 const v1::ResolveContactPointsRequest& request,
                                                 v1::ResolveContactPointsResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(
      CheckBatchSize(static_cast<size_t>(request.person_ids_size()), kBatchMax, "person_ids"));
  if (request.purpose() != v1::CONTACT_PURPOSE_NOTIFICATION &&
      request.purpose() != v1::CONTACT_PURPOSE_CASE_INTERVIEW) {
    co_return InvalidField("PURPOSE_MISSING", "say what the contact points are for", "purpose");
  }
  std::vector<Reachability> reached(static_cast<size_t>(request.person_ids_size()));
  std::vector<std::string> person_ids;
  std::vector<size_t> items;
  for (int i = 0; i < request.person_ids_size(); ++i) {
    const auto item = static_cast<size_t>(i);
    reached[item].status =
        CheckId(kPersonId, request.person_ids(i), "person_ids[" + std::to_string(i) + "]");
    if (!reached[item].status.ok()) continue;
    person_ids.push_back(request.person_ids(i));
    items.push_back(item);
  }
  resolved_.Increment(static_cast<double>(person_ids.size()));
  EPIGRID_LOG_INFO("identity.contact_points_resolved", {call.log_context()},
                   {"caller", Safe(call.caller().name)},
                   {"purpose", Safe(v1::ContactPurpose_Name(request.purpose()))},
                   {"people", person_ids.size()});
  std::vector<Reachability> found = co_await directory_.Reach(std::move(person_ids));
  for (size_t n = 0; n < items.size(); ++n) reached[items[n]] = std::move(found[n]);
  for (const Reachability& one : reached) {
    v1::ResolvedContact& answer = *response.add_results();
    SetProtoStatus(one.status, answer.mutable_status());
    for (const v1::ContactPoint& point : one.contact_points) *answer.add_contact_points() = point;
    answer.set_language(one.language);
    answer.set_guardian_answers(one.guardian_answers);
  }
  co_return OkStatus();
}

}  // namespace epigrid::identity
