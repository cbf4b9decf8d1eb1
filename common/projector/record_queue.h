// RecordQueue: records of one shard that were read and not yet taken in hand, and how much they
// are, so that their reader can be held back before they fill the memory.
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "common/event_log/event_log.h"

namespace epigrid {

// How much waits in a queue.
struct Backlog {
  size_t records = 0;
  size_t bytes = 0;  // of keys and values
  bool exceeds(const Backlog& limit) const {
    return records > limit.records || bytes > limit.bytes;
  }
};

class RecordQueue {
 public:
  void Push(LogRecord record) {
    bytes_ += BytesOf(record);
    records_.push_back(std::move(record));
  }
  LogRecord Pop() {
    LogRecord record = std::move(records_.front());
    records_.pop_front();
    bytes_ -= BytesOf(record);
    return record;
  }

  bool empty() const { return records_.empty(); }
  const LogRecord& front() const { return records_.front(); }
  const LogRecord& back() const { return records_.back(); }
  Backlog backlog() const { return {.records = records_.size(), .bytes = bytes_}; }

 private:
  std::deque<LogRecord> records_;
  size_t bytes_ = 0;
};

}  // namespace epigrid
