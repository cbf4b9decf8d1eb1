// Retention: how far a shard of the log may be cut by age and by who still reads it.
#pragma once

#include <string>

#include "common/base/task.h"
#include "common/event_log/event_log.h"

namespace epigrid {

// Shard metadata of a public topic: "subscriber:<group>", written by each subscription before it
// reads: the group's floor there is how far it has copied.
inline constexpr std::string_view kSubscriberPrefix = "subscriber:";

// From here on the shard holds records that were appended at `since` or later, by the log's clock;
// one that is greater than the end: it holds none.
Task<Result<Offset>> FirstSince(EventLog& log, TopicShard of, Time since);

// From here on some known subscriber has not copied the shard yet.
Task<Result<Offset>> FirstNotCopied(EventLog& log, TopicShard of);

}  // namespace epigrid
