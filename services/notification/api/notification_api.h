// NotificationApi: what people were told, and whether it reached them: reads only.
#pragma once

#include "common/rpc/pipeline.h"
#include "common/service/service_calls.h"
#include "epigrid/notification/v1/notification.grpc.pb.h"

namespace epigrid::notification {

// Threads: as the pipeline calls it. Outlives the pipeline's drain.
class NotificationApi final : public v1::NotificationService::AsyncService {
 public:
  NotificationApi(Pipeline& pipeline, ServiceCalls& calls);

 private:
  Task<Status> DoGetMessage(Call& call, const v1::GetMessageRequest& request,
                            v1::GetMessageResponse& response);
  Task<Status> DoListMessages(Call& call, const v1::ListMessagesRequest& request,
                              v1::ListMessagesResponse& response);
  // FAILED_PRECONDITION UNDER_REVIEW if what is kept of the person may be stale.
  Status CheckNotParked(const std::string& person_id) const;

  ServiceCalls& calls_;
};

}  // namespace epigrid::notification
