#include "common/service/log_reads.h"

#include <algorithm>

namespace epigrid {

Task<Result<std::vector<LogRecord>>> ReadWhatIsLeft(EventLog& log, TopicShard from, Offset after,
                                                    size_t limit) {
  while (true) {
    EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Offset> starts, co_await log.Starts({from}));
    Result<std::vector<LogRecord>> read =
        co_await log.Read(from, std::max(after, starts.front()), limit);
    // Cut between the two: again.
    if (read.ok() || read.status().reason() != "LOG_START_MOVED") co_return read;
  }
}

}  // namespace epigrid
