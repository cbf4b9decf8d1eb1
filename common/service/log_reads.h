#pragma once

#include <vector>

#include "common/base/task.h"
#include "common/event_log/event_log.h"

namespace epigrid {

// EventLog::Read for who is content with what is left: a shard that was cut is read from its start
// on.
Task<Result<std::vector<LogRecord>>> ReadWhatIsLeft(EventLog& log, TopicShard from, Offset after,
                                                    size_t limit);

}  // namespace epigrid
