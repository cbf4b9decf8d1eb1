#include "common/event_log/redis_streams_core.h"

#include <fmt/format.h>

#include <charconv>

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

Result<StreamInfo> ParseStreamInfo(const std::vector<Reply>& parts) {
  StreamInfo info;
  EPIGRID_ASSIGN_OR_RETURN(info.last, ParseOffset(parts.at(0).text));
  EPIGRID_ASSIGN_OR_RETURN(info.first, ParseOffset(parts.at(1).text));
  EPIGRID_ASSIGN_OR_RETURN(info.max_deleted, ParseOffset(parts.at(2).text));
  info.removed = static_cast<uint64_t>(parts.at(3).integer);
  return info;
}

}  // namespace

std::shared_ptr<void> CallsUnderWay::Enter() {
  {
    std::lock_guard lock(mutex_);
    ++count_;
  }
  return std::shared_ptr<void>(nullptr, [this](void*) {
    std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  });
}

void CallsUnderWay::WaitForNone() {
  std::unique_lock lock(mutex_);
  none_.wait(lock, [this] { return count_ == 0; });
}

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

std::string TopicShardName(const TopicShard& of) {
  return fmt::format("{}/{}", of.topic, of.shard);
}

Status LogUnavailable(std::string_view detail) {
  return Unavailable("LOG_UNAVAILABLE", fmt::format("the event log does not answer: {}", detail));
}

Result<Reply> LogReply(Result<Reply> reply) {
  if (!reply.ok()) return LogUnavailable(reply.status().ToString());
  if (reply->is_error()) return LogUnavailable(reply->text);
  return reply;
}

Result<Offset> ParseOffset(const std::string& entry_id) {
  Offset offset = 0;
  const char* end = entry_id.data() + entry_id.size();
  if (entry_id.starts_with("0-")) {
    const auto parsed = std::from_chars(entry_id.data() + 2, end, offset);
    if (parsed.ec == std::errc() && parsed.ptr == end) return offset;
  }
  return Status(
      Code::kDataLoss, "LOG_CORRUPT",
      fmt::format(
          "a stream of the log holds the entry {}, which the log did not write; find who writes to "
          "this Redis, and delete the entry",
          entry_id));
}

std::string EntryId(Offset offset) { return fmt::format("0-{}", offset); }

Result<std::vector<LogRecord>> ParseEntries(std::vector<Reply> entries) {
  std::vector<LogRecord> records;
  records.reserve(entries.size());
  for (Reply& entry : entries) {
    LogRecord& record = records.emplace_back();
    EPIGRID_ASSIGN_OR_RETURN(record.offset, ParseOffset(entry.elements.at(0).text));
    std::vector<Reply>& fields = entry.elements.at(1).elements;
    for (size_t i = 0; i + 1 < fields.size(); i += 2) {
      const std::string& name = fields[i].text;
      std::string& value = fields[i + 1].text;
      if (name == "k") {
        record.key = std::move(value);
      } else if (name == "v") {
        record.value = std::move(value);
      } else if (name == "t") {
        int64_t millis = 0;
        std::from_chars(value.data(), value.data() + value.size(), millis);
        record.appended_at = Time::FromMillis(millis);
      }
    }
  }
  return records;
}

Task<Result<StreamInfos>> FetchStreamInfo(RedisStreamsCore& core, std::vector<TopicShard> of) {
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
