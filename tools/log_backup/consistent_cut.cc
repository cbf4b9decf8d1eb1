#include "tools/log_backup/consistent_cut.h"

#include <algorithm>

namespace epigrid::log_backup {

std::map<TopicShard, Offset> ConsistentCut(std::map<TopicShard, Offset> ends,
                                           const std::vector<Caused>& caused) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const Caused& record : caused) {
      const auto source = ends.find(record.by_shard);
      if (source == ends.end() || record.by_offset <= source->second) continue;
      Offset& end = ends.at(record.shard);
      if (record.offset > end) continue;
      end = record.offset - 1;
      changed = true;
    }
  }
  return ends;
}

}  // namespace epigrid::log_backup
