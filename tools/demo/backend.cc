#include "tools/demo/backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "common/base/proto_time.h"
#include "common/rpc/status_details.h"
#include "epigrid/identity/v1/identity.pb.h"
#include "epigrid/operations/v1/operations.pb.h"
#include "tools/epigridctl/operations_calls.h"

namespace epigrid::demo {

const std::string& Backend::AddressOf(std::string_view method) const {
  return servers_.OfFullName(method).address();
}

Status Backend::Call(const std::string& method, const google::protobuf::Message& request,
                     google::protobuf::Message& response) const {
  return servers_.OfFullName(method).Call(method, request, &response);
}

Result<std::string> Backend::FindPerson(const PersonRow& row) {
  identity::v1::RegisterPersonRequest request;
  identity::v1::Registration& registration = *request.mutable_registration();
  identity::v1::DocumentType type = identity::v1::DOCUMENT_TYPE_UNSPECIFIED;
  identity::v1::DocumentType_Parse("DOCUMENT_TYPE_" + row.document_type, &type);
  registration.mutable_document()->set_type(type);
  registration.mutable_document()->set_number(row.document_number);
  registration.mutable_document()->set_issuer(row.document_issuer);
  registration.set_name(row.name);
  identity::v1::RegisterPersonResponse response;
  EPIGRID_RETURN_IF_ERROR(
      Call("/epigrid.identity.v1.IdentityService/RegisterPerson", request, response));
  return response.person_id();
}

Result<std::string> Backend::RecordTest(const std::string& person_id, const std::string& source_id,
                                        Time sampled, Time reported, bool withdrawn) {
  health_code::v1::RecordEvidenceRequest request;
  health_code::v1::Evidence& evidence = *request.mutable_evidence();
  evidence.set_source("demo-laboratory");
  evidence.set_source_id(source_id);
  evidence.set_revision(withdrawn ? 2 : 1);
  evidence.set_person_id(person_id);
  evidence.set_withdrawn(withdrawn);
  if (!withdrawn) {
    health_code::v1::TestResult& test = *evidence.mutable_test();
    test.set_sampling_id(source_id);
    test.set_method(health_code::v1::TEST_METHOD_NUCLEIC_ACID);
    test.set_outcome(health_code::v1::TEST_OUTCOME_POSITIVE);
    *test.mutable_sampled_time() = ToProto(sampled);
    *test.mutable_reported_time() = ToProto(reported);
  }
  health_code::v1::RecordEvidenceResponse response;
  EPIGRID_RETURN_IF_ERROR(
      Call("/epigrid.health_code.v1.HealthCodeService/RecordEvidence", request, response));
  return response.revision();
}

Status Backend::RecordTransfer(const std::string& person_id, const std::string& source_id, Time at,
                               bool withdrawn) {
  health_code::v1::RecordEvidenceRequest request;
  health_code::v1::Evidence& evidence = *request.mutable_evidence();
  evidence.set_source("demo-ambulance");
  evidence.set_source_id(source_id);
  evidence.set_revision(withdrawn ? 2 : 1);
  evidence.set_person_id(person_id);
  evidence.set_withdrawn(withdrawn);
  if (!withdrawn) {
    *evidence.mutable_transfer()->mutable_transfer_time() = ToProto(at);
    evidence.mutable_transfer()->set_facility("No. 1 Hospital");
  }
  health_code::v1::RecordEvidenceResponse response;
  return Call("/epigrid.health_code.v1.HealthCodeService/RecordEvidence", request, response);
}

Result<contact_tracing::v1::Case> Backend::AwaitCase(const std::string& person_id,
                                                     Duration at_most) {
  contact_tracing::v1::ListPersonCasesRequest request;
  request.set_person_id(person_id);
  const auto give_up = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    contact_tracing::v1::ListPersonCasesResponse response;
    EPIGRID_RETURN_IF_ERROR(Call(
        "/epigrid.contact_tracing.v1.ContactTracingService/ListPersonCases", request, response));
    for (const auto& found : response.cases()) {
      if (found.state() != contact_tracing::v1::CASE_STATE_EXCLUDED) return found;
    }
    if (std::chrono::steady_clock::now() > give_up) {
      return DeadlineExceeded("NO_CASE", "the positive test opened no case");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

Result<contact_tracing::v1::Case> Backend::GetCase(const std::string& case_id) {
  contact_tracing::v1::GetCaseRequest request;
  request.set_case_id(case_id);
  contact_tracing::v1::GetCaseResponse response;
  EPIGRID_RETURN_IF_ERROR(
      Call("/epigrid.contact_tracing.v1.ContactTracingService/GetCase", request, response));
  return response.case_();
}

Status Backend::ExcludeCase(const std::string& case_id) {
  contact_tracing::v1::UpdateCaseRequest request;
  request.set_case_id(case_id);
  request.set_state(contact_tracing::v1::CASE_STATE_EXCLUDED);
  contact_tracing::v1::UpdateCaseResponse response;
  return Call("/epigrid.contact_tracing.v1.ContactTracingService/UpdateCase", request, response);
}

Result<std::vector<contact_tracing::v1::Contact>> Backend::ListContacts(
    const std::string& case_id) {
  std::vector<contact_tracing::v1::Contact> contacts;
  contact_tracing::v1::ListContactsRequest request;
  request.set_case_id(case_id);
  request.set_page_size(1000);
  do {
    contact_tracing::v1::ListContactsResponse response;
    EPIGRID_RETURN_IF_ERROR(
        Call("/epigrid.contact_tracing.v1.ContactTracingService/ListContacts", request, response));
    for (const auto& contact : response.contacts()) contacts.push_back(contact);
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return contacts;
}

Result<std::vector<health_code::v1::Code>> Backend::GetCodes(
    const std::vector<std::string>& person_ids) {
  std::vector<health_code::v1::Code> codes;
  for (size_t begin = 0; begin < person_ids.size(); begin += 1000) {
    health_code::v1::BatchGetCodesRequest request;
    for (size_t i = begin; i < std::min(begin + 1000, person_ids.size()); ++i) {
      request.add_person_ids(person_ids[i]);
    }
    health_code::v1::BatchGetCodesResponse response;
    EPIGRID_RETURN_IF_ERROR(
        Call("/epigrid.health_code.v1.HealthCodeService/BatchGetCodes", request, response));
    for (const auto& result : response.results()) {
      EPIGRID_RETURN_IF_ERROR(FromProtoStatus(result.status()));
      codes.push_back(result.code());
    }
  }
  return codes;
}

Status Backend::AwaitQuiet(Duration at_most, Duration due_within) {
  operations::v1::AwaitQuietRequest request;
  *request.mutable_due_until_time() = ToProto(SystemClock().Now() + due_within);
  return ctl::AwaitQuietOnAll(servers_, request, at_most).status();
}

Result<Backend::Behind> Backend::GetBehind() {
  operations::v1::GetStatusResponse response;
  EPIGRID_RETURN_IF_ERROR(
      ctl::CallAllServers(servers_, "GetStatus", operations::v1::GetStatusRequest(), &response));
  Behind behind;
  for (const auto& service : response.services()) {
    for (const auto& shard : service.shards()) {
      behind.shards += shard.applied() < shard.log_end() ? 1 : 0;
      behind.event_age_seconds =
          std::max(behind.event_age_seconds, static_cast<double>(shard.event_age_ms()) / 1000);
    }
  }
  return behind;
}

Result<std::vector<std::string>> Backend::RegisterCrowd(const std::string& name, size_t size) {
  std::vector<std::string> ids;
  while (ids.size() < size) {
    identity::v1::BatchRegisterPersonsRequest request;
    for (size_t i = ids.size(); i < std::min(size, ids.size() + 1000); ++i) {
      identity::v1::Registration& registration = *request.add_registrations();
      registration.mutable_document()->set_type(identity::v1::DOCUMENT_TYPE_PASSPORT);
      registration.mutable_document()->set_issuer("UTO");
      registration.mutable_document()->set_number(fmt::format("C{:0>3}{:05}", name, i));
      registration.set_name(fmt::format("Crowd {} {}", name, i));
      registration.set_language("en");
      identity::v1::ContactPoint& phone = *registration.add_contact_points();
      phone.set_endpoint("demo");
      phone.set_address(fmt::format("crowd-{}-{}", name, i));
    }
    identity::v1::BatchRegisterPersonsResponse response;
    EPIGRID_RETURN_IF_ERROR(
        Call("/epigrid.identity.v1.IdentityService/BatchRegisterPersons", request, response));
    for (const auto& result : response.results()) {
      EPIGRID_RETURN_IF_ERROR(FromProtoStatus(result.status()));
      ids.push_back(result.person_id());
    }
    identity::v1::GetPersonRequest reachable;
    reachable.set_person_id(ids.back());
    reachable.set_revision(response.revision());
    identity::v1::GetPersonResponse person;
    EPIGRID_RETURN_IF_ERROR(
        Call("/epigrid.identity.v1.IdentityService/GetPerson", reachable, person));
  }
  return ids;
}

Status Backend::Gather(const std::string& setting_id, const std::vector<std::string>& person_ids,
                       Time at, const std::string& name) {
  contact_tracing::v1::UpdateSettingRequest setting;
  setting.mutable_setting()->set_setting_id(setting_id);
  setting.mutable_setting()->set_category(contact_tracing::v1::SETTING_CATEGORY_LEISURE);
  contact_tracing::v1::UpdateSettingResponse known;
  EPIGRID_RETURN_IF_ERROR(
      Call("/epigrid.contact_tracing.v1.ContactTracingService/UpdateSetting", setting, known));
  contact_tracing::v1::BatchRecordPresencesRequest request;
  for (size_t i = 0; i < person_ids.size(); ++i) {
    contact_tracing::v1::PresenceObservation& observation = *request.add_observations();
    observation.set_source("gathering");
    observation.set_source_id(fmt::format("{}-{}", name, i));
    observation.set_person_id(person_ids[i]);
    observation.mutable_check_in()->set_setting_id(setting_id);
    *observation.mutable_check_in()->mutable_start_time() = ToProto(at);
  }
  contact_tracing::v1::BatchRecordPresencesResponse response;
  EPIGRID_RETURN_IF_ERROR(Call(
      "/epigrid.contact_tracing.v1.ContactTracingService/BatchRecordPresences", request, response));
  contact_tracing::v1::ListPresencesRequest folded;
  folded.set_person_id(person_ids.front());
  folded.set_revision(response.revision());
  contact_tracing::v1::ListPresencesResponse presences;
  return Call("/epigrid.contact_tracing.v1.ContactTracingService/ListPresences", folded, presences);
}

}  // namespace epigrid::demo
