// ShardStates: how every shard of a service stands in log and view, read from both, whichever
// process folds it.
#pragma once

#include <optional>
#include <vector>

#include "common/projector/view.h"
#include "common/service/service_runtime.h"

namespace epigrid {

struct ShardState {
  Offset log_end = 0;  // unless there is a problem
  Status log_problem;  // LOG_CORRUPT: this shard cannot be read, which is nothing to the others
  std::optional<Generation> live;
  ShardMeta meta;  // of the live generation, if there is one
};

// One for each shard, in order. Read in three pipelined rounds. Ends on the runtime's loop.
Task<Result<std::vector<ShardState>>> ReadShardStates(ServiceRuntime& runtime);

}  // namespace epigrid
