#include "common/event_log/append_backlog.h"

#include <fmt/format.h>

namespace epigrid {

size_t BytesOf(const std::vector<NewRecord>& records) {
  size_t bytes = 0;
  for (const NewRecord& record : records) bytes += BytesOf(record);
  return bytes;
}

Status CheckAppend(const std::vector<NewRecord>& records, size_t bytes, uint32_t shard_count) {
  for (const NewRecord& record : records) {
    EPIGRID_CHECK(record.to.shard < shard_count, "a record goes to a shard that exists");
    if (record.value.size() > kRecordBytesMax) {
      return InvalidArgument("RECORD_TOO_LARGE",
                             fmt::format("a record has {} bytes; send at most {}",
                                         record.value.size(), kRecordBytesMax));
    }
  }
  if (records.size() > kAppendRecordsMax || bytes > kAppendBytesMax) {
    return InvalidArgument("APPEND_TOO_LARGE",
                           fmt::format("{} records of {} bytes in one append; send at most {} of "
                                       "{}",
                                       records.size(), bytes, kAppendRecordsMax, kAppendBytesMax));
  }
  return OkStatus();
}

Status AppendBacklog::Add(size_t records, size_t bytes) {
  const bool fits = records_ + records <= records_max_ && bytes_ + bytes <= bytes_max_;
  if (records_ > 0 && !fits) {
    return ResourceExhausted(
        "LOG_QUEUE_FULL",
        fmt::format("{} records of {} bytes wait to be appended; slow down and try again", records_,
                    bytes_));
  }
  records_ += records;
  bytes_ += bytes;
  return OkStatus();
}

void AppendBacklog::Remove(size_t records, size_t bytes) {
  records_ -= records;
  bytes_ -= bytes;
}

}  // namespace epigrid
