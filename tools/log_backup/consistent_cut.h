// A cut through a log whose shards have no moment in common, in which nothing stands without what
// caused it (docs/decisions/0023).
//
//   Offset:   1  2  3  4        ends as read, shard after shard, while all goes on
//   shard 0   ●──●──●│─○        its 4th was caused by shard 1's 3rd, which is beyond the end there:
//   shard 1   ●──●│  ▲          the cut of shard 0 is before it
//             who comes late ──┘
#pragma once

#include <map>
#include <vector>

#include "common/event_log/event_log.h"

namespace epigrid::log_backup {

// A record and where the record is that caused it.
struct Caused {
  TopicShard shard;
  Offset offset = 0;
  TopicShard by_shard;
  Offset by_offset = 0;
};

// The greatest offsets, none above `ends`, up to which no record has its cause beyond the offset of
// that one's shard. A cause in a shard that `ends` does not name is there.
std::map<TopicShard, Offset> ConsistentCut(std::map<TopicShard, Offset> ends,
                                           const std::vector<Caused>& caused);

}  // namespace epigrid::log_backup
