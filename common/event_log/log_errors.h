// What the implementations of EventLog say in the same words. Not for use outside of this
// directory.
#pragma once

#include <string>
#include <string_view>

#include "common/event_log/event_log.h"

namespace epigrid {

// UNAVAILABLE LOG_UNAVAILABLE, saying what the client or the server said. For calls that may simply
// be made again.
Status LogUnavailable(std::string_view detail);
// UNAVAILABLE OUTCOME_UNKNOWN of an Append.
Status AppendUnknown(std::string_view detail);

// With the metadata that names the shard.
Status OfShard(Status status, const TopicShard& shard);
// DATA_LOSS LOG_CUT_SHORT: the shard ends at `end`, but was read up to `after` before.
Status LogCutShort(const TopicShard& shard, Offset end, Offset after);

}  // namespace epigrid
