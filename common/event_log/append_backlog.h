// What every Producer refuses before it sends anything. Not for use outside of this directory.
#pragma once

#include <vector>

#include "common/event_log/event_log.h"

namespace epigrid {

size_t BytesOf(const std::vector<NewRecord>& records);

// RECORD_TOO_LARGE, APPEND_TOO_LARGE. Aborts for a shard that does not exist.
Status CheckAppend(const std::vector<NewRecord>& records, size_t bytes, uint32_t shard_count);

// What Appends have brought and nobody has taken yet. Guarded by its owner's mutex.
class AppendBacklog {
 public:
  AppendBacklog(size_t records_max, size_t bytes_max)
      : records_max_(records_max), bytes_max_(bytes_max) {}

  // LOG_QUEUE_FULL, and nothing is added. The first always fits.
  Status Add(size_t records, size_t bytes);
  void Remove(size_t records, size_t bytes);

 private:
  const size_t records_max_;
  const size_t bytes_max_;
  size_t records_ = 0;
  size_t bytes_ = 0;
};

}  // namespace epigrid
