// OperationsApi: for operators, the services that run in this process: status, digests, rebuild,
// log, parked records, ignored events, quiet.
//
// Which callers may call it is said by the callers file, as for every service: give it to operators
// only. Threads: as the pipeline calls it. Outlives the pipeline's drain; the runtimes outlive it.
#pragma once

#include <vector>

#include "common/rpc/pipeline.h"
#include "common/service/service_runtime.h"
#include "epigrid/operations/v1/operations.grpc.pb.h"

namespace epigrid {

class OperationsApi final : public operations::v1::OperationsService::AsyncService {
 public:
  OperationsApi(Pipeline& pipeline, const Clock& clock, RandomSource& random,
                std::vector<ServiceRuntime*> runtimes);

 private:
  Task<Status> DoGetStatus(Call& call, const operations::v1::GetStatusRequest& request,
                           operations::v1::GetStatusResponse& response);
  Task<Status> DoGetDigests(Call& call, const operations::v1::GetDigestsRequest& request,
                            operations::v1::GetDigestsResponse& response);
  Task<Status> DoRebuildViews(Call& call, const operations::v1::RebuildViewsRequest& request,
                              operations::v1::RebuildViewsResponse& response);
  Task<Status> DoReadLog(Call& call, const operations::v1::ReadLogRequest& request,
                         operations::v1::ReadLogResponse& response);
  Task<Status> DoListParkedRecords(Call& call,
                                   const operations::v1::ListParkedRecordsRequest& request,
                                   operations::v1::ListParkedRecordsResponse& response);
  Task<Status> DoRetryParkedRecord(Call& call,
                                   const operations::v1::RetryParkedRecordRequest& request,
                                   operations::v1::RetryParkedRecordResponse& response);
  Task<Status> DoListIgnoredEvents(Call& call,
                                   const operations::v1::ListIgnoredEventsRequest& request,
                                   operations::v1::ListIgnoredEventsResponse& response);
  Task<Status> DoAwaitQuiet(Call& call, const operations::v1::AwaitQuietRequest& request,
                            operations::v1::AwaitQuietResponse& response);

  // The runtimes that a request's `service` names; empty: all. NOT_FOUND SERVICE_NOT_HERE.
  Result<std::vector<ServiceRuntime*>> Named(const std::string& service) const;
  // Appends a control event to the inbox of each of these shards; the records' offsets, in order.
  Task<Result<std::vector<Offset>>> AppendToShards(const Call& call, ServiceRuntime& runtime,
                                                   std::vector<Shard> shards,
                                                   events::v1::Event event);

  const Clock& clock_;
  RandomSource& random_;
  const std::vector<ServiceRuntime*> runtimes_;
};

}  // namespace epigrid
