// IgnoredEvents: for operators, why a fact had no effect: the last events that a service's fold
// ignored, as the shards' cells keep them, and what the log still says of each.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <string>

#include "common/service/service_runtime.h"
#include "epigrid/internal/v1/projector_state.pb.h"
#include "epigrid/operations/v1/operations.pb.h"

namespace epigrid {

// The cell of one shard. Errors are those of the view.
Task<Result<internal::v1::IgnoredEvents>> ReadIgnoredCell(ServiceRuntime& runtime, Shard shard);

// Adds those that concern this entity (empty: all), by shard and offset; at most
// kIgnoredEventsKept of each shard. Reads their records, a shard's at once. Errors are those of the
// view and of the log.
Task<Status> ReadIgnoredEvents(
    ServiceRuntime& runtime, std::string entity,
    google::protobuf::RepeatedPtrField<operations::v1::IgnoredEvent>& to);

}  // namespace epigrid
