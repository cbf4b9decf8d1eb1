#include "common/event_log/redis_streams_core.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "epigrid/internal/v1/log_entry.pb.h"

namespace epigrid {
namespace {

// XINFO STREAM copies the first and the last entry into its reply; inside a script they stay in the
// server.
const RedisScript& InfoScript() {
  static const RedisScript script(R"(#!lua flags=no-writes
local answer = {}
for i, key in ipairs(KEYS) do
  local info = {}
  if redis.call('EXISTS', key) == 1 then
    local flat = redis.call('XINFO', 'STREAM', key)
    for j = 1, #flat, 2 do info[flat[j]] = flat[j + 1] end
    local first = '0-0'
    if info['length'] > 0 then first = info['recorded-first-entry-id'] end
    answer[i] = {info['last-generated-id'], first, info['max-deleted-entry-id'],
                 info['entries-added'] - info['length']}
  else
    answer[i] = {'0-0', '0-0', '0-0', 0}
  end
end
return answer
)");
  return script;
}

// Year 9999.
constexpr int64_t kMillisMax = 253'402'300'799'999;

Status Corrupt(std::string_view entry_id) {
  return {
      Code::kDataLoss, "LOG_CORRUPT",
      fmt::format("a stream of the log holds, or held, the entry {}, which the log did not write; "
                  "find who writes to this Redis, and see docs/playbooks/shard-stopped.md",
                  entry_id)};
}

// Appends the records of one entry that lie after `after`.
Status ParseEntry(Reply& entry, Offset after, internal::v1::LogEntry& parsed,
                  std::vector<LogRecord>& records) {
  const std::string& id = entry.elements.at(0).text;
  EPIGRID_ASSIGN_OR_RETURN(const uint64_t number, ParseEntryId(id));
  const std::vector<Reply>& fields = entry.elements.at(1).elements;
  const bool ours = fields.size() == 4 && fields[0].text == "r" && fields[2].text == "t";
  if (!ours || !parsed.ParseFromString(fields[1].text)) return Corrupt(id);
  const auto count = static_cast<uint64_t>(parsed.records_size());
  if (count == 0 || count > kRecordsPerEntryMax) return Corrupt(id);
  const std::string& time = fields[3].text;
  int64_t millis = 0;
  const auto read = std::from_chars(time.data(), time.data() + time.size(), millis);
  const bool is_time = read.ec == std::errc() && read.ptr == time.data() + time.size() &&
                       millis >= 0 && millis <= kMillisMax;
  if (!is_time) return Corrupt(id);
  const Time appended_at = Time::FromMillis(millis);
  Offset offset = LastOffsetOf(number) - count;
  for (internal::v1::LoggedRecord& logged : *parsed.mutable_records()) {
    if (++offset <= after) continue;
    records.push_back({offset, appended_at, std::move(*logged.mutable_key()),
                       std::move(*logged.mutable_value())});
  }
  return OkStatus();
}

Result<StreamInfo> ParseStreamInfo(const std::vector<Reply>& parts) {
  StreamInfo info;
  EPIGRID_ASSIGN_OR_RETURN(const uint64_t last, ParseEntryId(parts.at(0).text));
  EPIGRID_ASSIGN_OR_RETURN(const uint64_t first, ParseEntryId(parts.at(1).text));
  EPIGRID_ASSIGN_OR_RETURN(const uint64_t max_deleted, ParseEntryId(parts.at(2).text));
  info.last = LastOffsetOf(last);
  info.first = first * kRecordsPerEntryMax;
  info.max_deleted = LastOffsetOf(max_deleted);
  info.removed = static_cast<uint64_t>(parts.at(3).integer);
  return info;
}

}  // namespace

RedisStreamsCore::RedisStreamsCore(EventLoop& event_loop, RedisStreamsLogOptions with)
    : loop(event_loop), options(std::move(with)), redis(loop, options.redis) {}

RedisStreamsCore::~RedisStreamsCore() {
  closing = true;
  calls.WaitForNone();
}

std::string RedisStreamsCore::StreamKey(const TopicShard& of) const {
  return fmt::format("{}stream:{}/{}", options.key_prefix, of.topic, of.shard);
}
std::string RedisStreamsCore::MetadataKey(const TopicShard& of) const {
  return fmt::format("{}metadata:{}/{}", options.key_prefix, of.topic, of.shard);
}
std::string RedisStreamsCore::FloorsKey(const std::string& group) const {
  return options.key_prefix + "floors:" + group;
}
std::string RedisStreamsCore::IdentityKey() const { return options.key_prefix + "identity"; }

RedisClient* RedisStreamsCore::BorrowConnection() {
  std::lock_guard lock(mutex);
  if (idle_connections.empty()) {
    RedisOptions of_consumer = options.redis;
    of_consumer.name += "-consumer";
    connections.push_back(std::make_unique<RedisClient>(loop, std::move(of_consumer)));
    return connections.back().get();
  }
  RedisClient* connection = idle_connections.back();
  idle_connections.pop_back();
  return connection;
}

void RedisStreamsCore::ReturnConnection(RedisClient* connection) {
  std::lock_guard lock(mutex);
  idle_connections.push_back(connection);
}

Result<Reply> LogReply(Result<Reply> reply) {
  if (!reply.ok()) return LogUnavailable(reply.status().ToString());
  if (reply->is_error()) return LogUnavailable(reply->text);
  return reply;
}

Result<uint64_t> ParseEntryId(const std::string& entry_id) {
  uint64_t number = 0;
  const char* end = entry_id.data() + entry_id.size();
  if (entry_id.starts_with("0-")) {
    const auto parsed = std::from_chars(entry_id.data() + 2, end, number);
    const bool has_offsets = EntryOf(LastOffsetOf(number)) == number;
    if (parsed.ec == std::errc() && parsed.ptr == end && has_offsets) return number;
  }
  return Corrupt(entry_id);
}

std::string EntryIdBefore(Offset offset) {
  const uint64_t entry = EntryOf(offset);
  const bool inside = entry != 0 && offset != LastOffsetOf(entry);
  return fmt::format("0-{}", inside ? entry - 1 : entry);
}

Result<std::vector<LogRecord>> ParseEntries(std::vector<Reply> entries, Offset after) {
  std::vector<LogRecord> records;
  internal::v1::LogEntry parsed;
  for (Reply& entry : entries) {
    EPIGRID_RETURN_IF_ERROR(ParseEntry(entry, after, parsed, records));
  }
  return records;
}

Offset StreamInfo::start() const {
  if (removed == 0) return max_deleted;
  return std::max(max_deleted, first == 0 ? last : first - 1);
}

Task<Result<StreamInfos>> FetchStreamInfo(RedisStreamsCore& core, std::vector<TopicShard> of) {
  if (of.empty()) co_return StreamInfos();
  std::vector<std::string> keys;
  keys.reserve(of.size());
  for (const TopicShard& shard : of) keys.push_back(core.StreamKey(shard));
  EPIGRID_CO_ASSIGN_OR_RETURN(Reply reply,
                              LogReply(co_await InfoScript().Call(core.redis, std::move(keys), {},
                                                                  core.options.redis.deadline)));
  StreamInfos infos;
  infos.reserve(of.size());
  for (const Reply& stream : reply.elements) infos.push_back(ParseStreamInfo(stream.elements));
  EPIGRID_CHECK(infos.size() == of.size(), "one answer for each stream");
  co_return infos;
}

}  // namespace epigrid
