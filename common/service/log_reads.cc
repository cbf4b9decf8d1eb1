#include "common/service/log_reads.h"

#include <algorithm>

namespace epigrid {

Task<Result<std::vector<LogRecord>>> ReadWhatIsLeft(EventLog& log, TopicShard from, Offset after,
                                                    size_t limit) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Offset> starts, co_await log.Starts({from}));
  co_return co_await log.Read(from, std::max(after, starts.front()), limit);
}

}  // namespace epigrid
