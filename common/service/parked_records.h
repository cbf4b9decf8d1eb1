// ParkedRecords of a service, for operators: which they are, and what came of a retry.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include "common/projector/parking.h"
#include "common/service/service_runtime.h"
#include "epigrid/operations/v1/operations.pb.h"

namespace epigrid {

// Those of one shard. Errors are those of the view.
Task<Result<ParkedRecords>> ReadParkedRecords(ServiceRuntime& runtime, Shard shard);

// Adds those of all shards, the first 1,000, with the first 100 entities of each.
Task<Status> ListParkedRecords(
    ServiceRuntime& runtime, google::protobuf::RepeatedPtrField<operations::v1::ParkedRecord>& to);

// Waits until the record at `root` and all that waited behind it are folded, which the Unparked
// record at `retry` asks for. FAILED_PRECONDITION STILL_PARKED: it cannot be folded yet.
// DEADLINE_EXCEEDED RETRY_PENDING: nothing is known yet. UNAVAILABLE as reads of the view.
Task<Status> AwaitRetried(ServiceRuntime& runtime, Shard shard, Offset root, Offset retry,
                          const Clock& clock, Time deadline);

}  // namespace epigrid
