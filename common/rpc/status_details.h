// Statuses on the wire: a Status travels as a gRPC status with google.rpc details, and as
// google.rpc.Status inside answers to batches.
//
// Details, in this order: ErrorInfo{reason, domain "epigrid", metadata} always; BadRequest when the
// metadata names a "field"; RetryInfo when it holds "retry_after_ms".
//
//   for (const auto& item : request.items()) SetProtoStatus(Take(item), response.add_results());
#pragma once

#include <grpcpp/support/status.h>

#include <string_view>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace google::rpc {
class Status;
}

namespace epigrid {

inline constexpr std::string_view kErrorDomain = "epigrid";

grpc::Status ToGrpcStatus(const Status& status);
// What a server of ours answered, for clients; a status without our details has the reason "RPC_"
// and the code's name.
Status FromGrpcStatus(const grpc::Status& status);

// OK leaves an empty message, code 0.
void SetProtoStatus(const Status& status, google::rpc::Status* proto);
Status FromProtoStatus(const google::rpc::Status& proto);

// Adds a hint to try again after a while to a Status that is worth it.
Status WithRetryAfter(Status status, Duration delay);

}  // namespace epigrid
