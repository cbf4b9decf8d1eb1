// The queries of ContactTracingApi.
#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "common/rpc/fields.h"
#include "common/rpc/page_token.h"
#include "services/contact_tracing/api/checks.h"
#include "services/contact_tracing/api/contact_tracing_api.h"

namespace epigrid::contact_tracing {
namespace {

// Which part of a list is asked for.
struct PageAsked {
  uint64_t query = 0;
  std::string after;
  size_t size = 0;
};

template <typename Request>
Result<PageAsked> ReadPage(const Call& call, const Request& request) {
  PageAsked page;
  EPIGRID_ASSIGN_OR_RETURN(page.size, CheckPageSize(request.page_size()));
  page.query = QueryFingerprint(call.method(), request);
  EPIGRID_ASSIGN_OR_RETURN(page.after, ParsePageToken(request.page_token(), page.query));
  return page;
}

template <typename Item, typename Response>
void SetNext(const PageAsked& asked, const Page<Item>& page, Response& response) {
  if (!page.next.empty()) response.set_next_page_token(MakePageToken(asked.query, page.next));
}

}  // namespace

// Asked before anything is read, so that an answer is at least as new as it says.
google::protobuf::Timestamp ContactTracingApi::AsOf(const std::string& entity) {
  return ToProto(calls_.shards().AsOf(entity));
}

Task<Status> ContactTracingApi::DoGetSetting(Call& call, const v1::GetSettingRequest& request,
                                             v1::GetSettingResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckPlaceId(request.setting_id(), "setting_id"));
  EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));
  *response.mutable_as_of_time() = AsOf(request.setting_id());
  EPIGRID_CO_ASSIGN_OR_RETURN(*response.mutable_setting(),
                              co_await view_.GetSetting(request.setting_id()));
  co_return OkStatus();
}

Task<Status> ContactTracingApi::DoListPresences(Call& call, const v1::ListPresencesRequest& request,
                                                v1::ListPresencesResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kPersonId, request.person_id(), "person_id"));
  EPIGRID_CO_ASSIGN_OR_RETURN(const PageAsked asked, ReadPage(call, request));
  EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));
  *response.mutable_as_of_time() = AsOf(request.person_id());
  EPIGRID_CO_ASSIGN_OR_RETURN(
      auto page, co_await view_.Presences(request.person_id(), asked.after, asked.size));
  for (v1::Presence& presence : page.items) *response.add_presences() = std::move(presence);
  SetNext(asked, page, response);
  co_return OkStatus();
}

Task<Status> ContactTracingApi::DoGetCase(Call& call, const v1::GetCaseRequest& request,
                                          v1::GetCaseResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kCaseId, request.case_id(), "case_id"));
  EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));
  *response.mutable_as_of_time() = AsOf(request.case_id());
  EPIGRID_CO_ASSIGN_OR_RETURN(*response.mutable_case_(), co_await view_.GetCase(request.case_id()));
  co_return OkStatus();
}

Task<Status> ContactTracingApi::DoListPersonCases(Call& call,
                                                  const v1::ListPersonCasesRequest& request,
                                                  v1::ListPersonCasesResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kPersonId, request.person_id(), "person_id"));
  EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));
  *response.mutable_as_of_time() = AsOf(request.person_id());
  EPIGRID_CO_ASSIGN_OR_RETURN(std::vector<v1::Case> cases,
                              co_await view_.PersonCases(request.person_id()));
  for (v1::Case& found : cases) *response.add_cases() = std::move(found);
  co_return OkStatus();
}

Task<Status> ContactTracingApi::DoListContacts(Call& call, const v1::ListContactsRequest& request,
                                               v1::ListContactsResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kCaseId, request.case_id(), "case_id"));
  EPIGRID_CO_ASSIGN_OR_RETURN(const PageAsked asked, ReadPage(call, request));
  EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));
  *response.mutable_as_of_time() = AsOf(request.case_id());
  EPIGRID_CO_ASSIGN_OR_RETURN(const v1::Case found, co_await view_.GetCase(request.case_id()));
  EPIGRID_CO_ASSIGN_OR_RETURN(auto page,
                              co_await view_.Contacts(request.case_id(), asked.after, asked.size));
  for (v1::Contact& contact : page.items) *response.add_contacts() = std::move(contact);
  SetNext(asked, page, response);
  response.set_total_count(found.contact_count());
  response.set_search_state(found.search_state());
  co_return OkStatus();
}

Task<Status> ContactTracingApi::DoListExposures(Call& call, const v1::ListExposuresRequest& request,
                                                v1::ListExposuresResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kPersonId, request.person_id(), "person_id"));
  EPIGRID_CO_ASSIGN_OR_RETURN(const PageAsked asked, ReadPage(call, request));
  EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));
  *response.mutable_as_of_time() = AsOf(request.person_id());
  EPIGRID_CO_ASSIGN_OR_RETURN(
      auto page, co_await view_.Exposures(request.person_id(), asked.after, asked.size));
  for (v1::Exposure& exposure : page.items) *response.add_exposures() = std::move(exposure);
  SetNext(asked, page, response);
  co_return OkStatus();
}

}  // namespace epigrid::contact_tracing
