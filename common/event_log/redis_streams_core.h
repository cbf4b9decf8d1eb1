// What RedisStreamsLog, its producers and its consumers share: the connection, the names of keys,
// and the reading of replies. Not for use outside of this directory.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/event_log/calls_under_way.h"
#include "common/event_log/log_errors.h"
#include "common/event_log/redis_streams_log.h"

namespace epigrid {

struct RedisStreamsCore {
  RedisStreamsCore(EventLoop& event_loop, RedisStreamsLogOptions with);
  ~RedisStreamsCore();

  std::string StreamKey(const TopicShard& of) const;
  std::string MetadataKey(const TopicShard& of) const;
  std::string FloorsKey(const std::string& group) const;
  std::string IdentityKey() const;

  // A consumer blocks its connection, so that each has one of its own. They are lent out and given
  // back, because a RedisClient must not be destroyed on the loop's thread and a Consumer may be.
  RedisClient* BorrowConnection();
  void ReturnConnection(RedisClient* connection);

  EventLoop& loop;
  const RedisStreamsLogOptions options;
  RedisClient redis;
  CallsUnderWay calls;
  std::atomic<bool> closing = false;
  std::atomic<uint32_t> shard_count = 0;  // zero until Open has succeeded

  std::mutex mutex;  // of all below
  std::vector<std::unique_ptr<RedisClient>> connections;
  std::vector<RedisClient*> idle_connections;
};

// The reply, or LOG_UNAVAILABLE for a call that failed or was answered with an error.
Result<Reply> LogReply(Result<Reply> reply);

// Of an entry, which has as many offsets, the last of them for its last record.
inline constexpr uint64_t kRecordsPerEntryMax = 1024;
constexpr Offset LastOffsetOf(uint64_t entry) {
  return entry == 0 ? 0 : entry * kRecordsPerEntryMax + kRecordsPerEntryMax - 1;
}
constexpr uint64_t EntryOf(Offset offset) { return offset / kRecordsPerEntryMax; }

// "0-17" is entry 17. DATA_LOSS LOG_CORRUPT for an id that the log never gives: something else
// writes to its streams.
Result<uint64_t> ParseEntryId(const std::string& entry_id);
// Of the last entry that holds nothing after this offset: what follows is read after it.
std::string EntryIdBefore(Offset offset);
// The records after `after` in the entries of an XRANGE, or of one stream of an XREAD. Errors as
// ParseEntryId.
Result<std::vector<LogRecord>> ParseEntries(std::vector<Reply> entries, Offset after);

// What a stream says of itself. All zero where there is none yet.
struct StreamInfo {
  Offset last = 0;         // the greatest offset ever given, trimmed or not
  Offset first = 0;        // what is there begins here or later; 0: the stream is empty
  Offset max_deleted = 0;  // by XDEL
  uint64_t removed = 0;    // how many entries were trimmed or deleted

  // What is gone goes up to here at the most, and what is there begins beyond it.
  Offset start() const;
};
// One for each stream; LOG_CORRUPT for one that holds what the log did not write.
using StreamInfos = std::vector<Result<StreamInfo>>;
Task<Result<StreamInfos>> FetchStreamInfo(RedisStreamsCore& core, std::vector<TopicShard> of);

}  // namespace epigrid
