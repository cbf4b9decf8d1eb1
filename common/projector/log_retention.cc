#include "common/projector/log_retention.h"

#include <algorithm>
#include <limits>

namespace epigrid {

Task<Result<Offset>> FirstSince(EventLog& log, TopicShard of, Time since) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Offset> starts, co_await log.Starts({of}));
  EPIGRID_CO_ASSIGN_OR_RETURN(const Offset end, co_await log.End(of));
  Offset old = starts.front();  // up to here all are too old
  // Most often nothing is to be cut.
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<LogRecord> first, co_await log.Read(of, old, 1));
  if (first.empty() || first.front().appended_at >= since) co_return old + 1;
  Offset bound = end;  // beyond here none is
  while (old < bound) {
    const Offset middle = old + (bound - old) / 2;
    EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<LogRecord> next,
                                co_await log.Read(of, middle, 1));
    if (!next.empty() && next.front().appended_at < since) {
      old = next.front().offset;
    } else {
      bound = middle;
    }
  }
  co_return old + 1;
}

Task<Result<Offset>> FirstNotCopied(EventLog& log, TopicShard of) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const auto metadata, co_await log.ShardMetadata(of));
  Offset first = std::numeric_limits<Offset>::max();
  for (const auto& [field, value] : metadata) {
    if (!field.starts_with(kSubscriberPrefix)) continue;
    const std::string group = field.substr(kSubscriberPrefix.size());
    EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Offset> floors, co_await log.Floors(group, {of}));
    first = std::min(first, floors.front() + 1);
  }
  co_return first;
}

}  // namespace epigrid
