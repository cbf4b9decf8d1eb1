// The version of what an event changes or states.
#pragma once

#include <cstdint>

#include "common/projector/fold.h"

namespace epigrid {

// Rises from event to event of a shard, also within one record, so that of two statements about one
// subject the later one always has the greater version, and no two have the same. The offset alone
// is not enough: a record may carry many events about one subject.
inline uint64_t VersionOf(const Context& context) {
  return context.offset * kEventsPerRecordMax + context.event_index;
}

}  // namespace epigrid
