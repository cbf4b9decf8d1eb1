#include "services/notification/api/notification_api.h"

#include "common/base/proto_time.h"
#include "common/rpc/fields.h"
#include "common/rpc/page_token.h"
#include "services/notification/view/keys.h"
#include "services/notification/view/message_page.h"

namespace epigrid::notification {

NotificationApi::NotificationApi(Pipeline& pipeline, ServiceCalls& calls) : calls_(calls) {
  pipeline.Serve("epigrid.notification.v1.NotificationService/GetMessage", this,
                 &NotificationApi::DoGetMessage);
  pipeline.Serve("epigrid.notification.v1.NotificationService/ListMessages", this,
                 &NotificationApi::DoListMessages);
}

Task<Status> NotificationApi::DoGetMessage(Call&, const v1::GetMessageRequest& request,
                                           v1::GetMessageResponse& response) {
  const std::string& person_id = request.person_id();
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kPersonId, person_id, "person_id"));
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kMessageId, request.message_id(), "message_id"));
  EPIGRID_CO_RETURN_IF_ERROR(CheckNotParked(person_id));
  *response.mutable_as_of_time() = ToProto(calls_.shards().AsOf(person_id));
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::optional<std::string> cell,
                              co_await calls_.cells().GetMember(
                                  person_id, keys::Messages(person_id), request.message_id()));
  if (!cell.has_value()) {
    co_return NotFound("MESSAGE_UNKNOWN",
                       "the person has no such message; the oldest are forgotten");
  }
  state::v1::StoredMessage stored;
  EPIGRID_CHECK(stored.ParseFromString(*cell), "the cell was written by this service");
  *response.mutable_message() = std::move(*stored.mutable_message());
  co_return OkStatus();
}

Task<Status> NotificationApi::DoListMessages(Call& call, const v1::ListMessagesRequest& request,
                                             v1::ListMessagesResponse& response) {
  const std::string& person_id = request.person_id();
  EPIGRID_CO_RETURN_IF_ERROR(CheckId(kPersonId, person_id, "person_id"));
  EPIGRID_CO_ASSIGN_OR_RETURN(const size_t page_size, CheckPageSize(request.page_size()));
  const uint64_t query = QueryFingerprint(call.method(), request);
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::string after, ParsePageToken(request.page_token(), query));
  EPIGRID_CO_RETURN_IF_ERROR(CheckNotParked(person_id));
  *response.mutable_as_of_time() = ToProto(calls_.shards().AsOf(person_id));
  EPIGRID_CO_ASSIGN_OR_RETURN(
      const auto cells, co_await calls_.cells().GetMembers(person_id, keys::Messages(person_id)));
  EPIGRID_CO_ASSIGN_OR_RETURN(MessagePage page, PageOfMessages(cells, after, page_size));
  for (v1::Message& message : page.messages) *response.add_messages() = std::move(message);
  if (!page.next.empty()) response.set_next_page_token(MakePageToken(query, page.next));
  co_return OkStatus();
}

Status NotificationApi::CheckNotParked(const std::string& person_id) const {
  if (!calls_.shards().IsParked(person_id)) return OkStatus();
  return FailedPrecondition("UNDER_REVIEW",
                            "a record of this person could not be folded; operators know of it");
}

}  // namespace epigrid::notification
