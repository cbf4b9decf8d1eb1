#include "common/event_log/redis_streams_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "common/event_log/redis_streams_consumer.h"
#include "common/event_log/redis_streams_core.h"
#include "common/event_log/redis_streams_producer.h"

namespace epigrid {
namespace {

using StringMap = std::map<std::string, std::string>;

// Rises when keys or entries are laid out in another way.
constexpr std::string_view kLayoutVersion = "2";

const RedisScript& IdentityScript() {
  static const RedisScript script(R"(#!lua
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('HSET', KEYS[1], unpack(ARGV)) end
return redis.call('HGETALL', KEYS[1])
)");
  return script;
}

// The three that follow may run when the memory is full: what they write is small, and without them
// nobody could get past a poison record to make room. Doubles compare offsets exactly up to 2^53.
const RedisScript& RaiseFloorsScript() {
  static const RedisScript script(R"(#!lua flags=allow-oom
for i = 1, #ARGV, 2 do
  local floor = redis.call('HGET', KEYS[1], ARGV[i])
  if not floor or tonumber(floor) < tonumber(ARGV[i + 1]) then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return 1
)");
  return script;
}

const RedisScript& PutMetadataScript() {
  static const RedisScript script(R"(#!lua flags=allow-oom
return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
)");
  return script;
}

StringMap ToMap(const Reply& reply) {
  StringMap map;
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2)
    map[reply.elements[i].text] = reply.elements[i + 1].text;
  return map;
}

Result<Done> ToDone(const Result<Reply>& reply) {
  if (!reply.ok()) return reply.status();
  return Done{};
}

LogDurability DurabilityOf(StringMap config) {
  const std::string& fsync = config["appendfsync"];
  LogDurability durability{
      .in_force = fmt::format("appendonly {}, appendfsync {}, no-appendfsync-on-rewrite {}",
                              config["appendonly"], fsync, config["no-appendfsync-on-rewrite"]),
      .warning = {}};
  if (config["appendonly"] != "yes") {
    durability.warning =
        "the log's Redis keeps nothing on disk: a restart loses every acknowledged record; set "
        "appendonly yes and appendfsync always";
  } else if (fsync != "always") {
    durability.warning = fmt::format(
        "the log's Redis has appendfsync {}: a power cut loses acknowledged records; "
        "set it to always",
        fsync);
  } else if (config["no-appendfsync-on-rewrite"] == "yes") {
    durability.warning =
        "the log's Redis has no-appendfsync-on-rewrite yes: a power cut while it rewrites its file "
        "loses acknowledged records; set it to no";
  }
  return durability;
}

Task<Result<StringMap>> FetchConfig(RedisStreamsCore& core) {
  Result<Reply> reply = co_await core.redis.Call({"CONFIG", "GET", "maxmemory-policy", "appendonly",
                                                  "appendfsync", "no-appendfsync-on-rewrite"});
  if (!reply.ok()) co_return LogUnavailable(reply.status().ToString());
  if (reply->is_error()) {
    co_return FailedPrecondition(
        "LOG_CONFIG_UNREADABLE",
        "the log's Redis must let this user call CONFIG GET: " + reply->text);
  }
  co_return ToMap(*reply);
}

Task<Result<LogDurability>> FetchDurability(RedisStreamsCore& core, CallToken /*token*/) {
  EPIGRID_CO_ASSIGN_OR_RETURN(StringMap config, co_await FetchConfig(core));
  co_return DurabilityOf(std::move(config));
}

Task<Result<Done>> CheckServer(RedisStreamsCore& core) {
  EPIGRID_CO_ASSIGN_OR_RETURN(StringMap config, co_await FetchConfig(core));
  const std::string& policy = config["maxmemory-policy"];
  if (policy != "noeviction") {
    co_return FailedPrecondition(
        "LOG_EVICTS",
        fmt::format("the log's Redis has maxmemory-policy {}, which throws facts away "
                    "when its memory is full; set it to noeviction",
                    policy));
  }
  co_return Done{};
}

Task<Result<Done>> OpenLog(RedisStreamsCore& core, LogIdentity identity, CallToken /*token*/) {
  EPIGRID_CO_RETURN_IF_ERROR((co_await CheckServer(core)).status());
  const StringMap wanted = {{"layout", std::string(kLayoutVersion)},
                            {"shard_count", std::to_string(identity.shard_count)},
                            {"shard_hash", identity.shard_hash}};
  std::vector<std::string> fields;
  for (const auto& [field, value] : wanted) {
    fields.push_back(field);
    fields.push_back(value);
  }
  EPIGRID_CO_ASSIGN_OR_RETURN(
      Reply reply, LogReply(co_await IdentityScript().Call(core.redis, {core.IdentityKey()}, fields,
                                                           core.options.redis.deadline)));
  StringMap found = ToMap(reply);
  for (const auto& [field, value] : wanted) {
    if (found[field] == value) continue;
    co_return FailedPrecondition(
        "LOG_MISMATCH",
        fmt::format("the log was created with {} {}, but {} is configured; configure what it was "
                    "created with, or begin a new log",
                    field, found[field], value));
  }
  core.shard_count = identity.shard_count;
  co_return Done{};
}

Task<Result<std::vector<Offset>>> FetchEnds(RedisStreamsCore& core, std::vector<TopicShard> of,
                                            CallToken /*token*/) {
  EPIGRID_CO_ASSIGN_OR_RETURN(StreamInfos infos, co_await FetchStreamInfo(core, std::move(of)));
  std::vector<Offset> ends;
  for (Result<StreamInfo>& found : infos) {
    EPIGRID_CO_ASSIGN_OR_RETURN(StreamInfo info, std::move(found));
    ends.push_back(info.last);
  }
  co_return ends;
}

Task<Result<Offset>> FetchEnd(RedisStreamsCore& core, TopicShard of, CallToken token) {
  EPIGRID_CO_ASSIGN_OR_RETURN(std::vector<Offset> ends,
                              co_await FetchEnds(core, {std::move(of)}, std::move(token)));
  co_return ends.front();
}

// Gathers what one read answers, up to its limits. Redis counts entries, which may be of any size:
// few are asked for first, more while they are small.
class Reading {
 public:
  explicit Reading(size_t limit) : limit_(limit) {}

  bool full() const { return records_.size() == limit_ || bytes_ >= kReadBytesMax; }
  // How many entries to ask for next. A read that answers fewer has come to the end.
  size_t NextCount() {
    if (!records_.empty() && bytes_ < kReadBytesMax / 4) count_ *= 2;
    return std::min(count_, limit_ - records_.size());
  }
  void Add(LogRecord record) {
    bytes_ += BytesOf(record);
    records_.push_back(std::move(record));
  }
  std::vector<LogRecord>& records() { return records_; }

 private:
  const size_t limit_;
  size_t count_ = 16;
  size_t bytes_ = 0;
  std::vector<LogRecord> records_;
};

Task<Result<std::vector<LogRecord>>> ReadAfter(RedisStreamsCore& core, TopicShard from,
                                               Offset asked_after, size_t limit,
                                               CallToken /*token*/) {
  Reading reading(limit);
  Offset after = asked_after;
  while (!reading.full()) {
    const size_t count = reading.NextCount();
    EPIGRID_CO_ASSIGN_OR_RETURN(
        Reply reply, LogReply(co_await core.redis.Call({"XRANGE", core.StreamKey(from),
                                                        "(" + EntryIdBefore(after), "+", "COUNT",
                                                        std::to_string(count)})));
    const bool more = reply.elements.size() == count;
    EPIGRID_CO_ASSIGN_OR_RETURN(std::vector<LogRecord> found,
                                ParseEntries(std::move(reply.elements), after));
    for (LogRecord& record : found) {
      if (reading.full()) break;
      after = record.offset;
      reading.Add(std::move(record));
    }
    if (!more) break;
  }
  // Entries have numbers without gaps, unless some are gone.
  std::vector<LogRecord>& records = reading.records();
  if (records.empty() || EntryOf(records.front().offset) > EntryOf(asked_after) + 1) {
    EPIGRID_CO_ASSIGN_OR_RETURN(StreamInfos infos, co_await FetchStreamInfo(core, {from}));
    EPIGRID_CO_ASSIGN_OR_RETURN(const StreamInfo info, std::move(infos.front()));
    if (asked_after < info.start()) co_return LogStartMoved(from, info.start(), asked_after);
  }
  co_return std::move(records);
}

// With many entries gone in one command the server would answer nobody meanwhile. `~` leaves a few
// that share a node of the stream with one that stays: these go last, and exactly.
constexpr int64_t kEntriesPerCut = 5'000;

Task<Result<Done>> CutBelow(RedisStreamsCore& core, TopicShard of, Offset first_kept,
                            CallToken /*token*/) {
  const std::string key = core.StreamKey(of);
  const std::string first_entry = fmt::format("0-{}", EntryOf(first_kept));
  while (true) {
    EPIGRID_CO_ASSIGN_OR_RETURN(
        Reply gone, LogReply(co_await core.redis.Call({"XTRIM", key, "MINID", "~", first_entry,
                                                       "LIMIT", std::to_string(kEntriesPerCut)})));
    if (gone.integer == 0) break;
  }
  co_return ToDone(LogReply(co_await core.redis.Call({"XTRIM", key, "MINID", "=", first_entry})));
}

Task<Result<std::vector<Offset>>> FetchStarts(RedisStreamsCore& core, std::vector<TopicShard> of,
                                              CallToken /*token*/) {
  EPIGRID_CO_ASSIGN_OR_RETURN(StreamInfos infos, co_await FetchStreamInfo(core, std::move(of)));
  std::vector<Offset> starts;
  for (Result<StreamInfo>& found : infos) {
    EPIGRID_CO_ASSIGN_OR_RETURN(StreamInfo info, std::move(found));
    starts.push_back(info.start());
  }
  co_return starts;
}

Task<Result<std::vector<LogRecord>>> ReadLast(RedisStreamsCore& core, TopicShard from, size_t limit,
                                              CallToken /*token*/) {
  Reading reading(limit);  // newest first
  for (std::string until = "+"; !reading.full();) {
    const size_t count = reading.NextCount();
    EPIGRID_CO_ASSIGN_OR_RETURN(
        Reply reply, LogReply(co_await core.redis.Call({"XREVRANGE", core.StreamKey(from), until,
                                                        "-", "COUNT", std::to_string(count)})));
    const bool more = reply.elements.size() == count;
    std::reverse(reply.elements.begin(), reply.elements.end());
    EPIGRID_CO_ASSIGN_OR_RETURN(std::vector<LogRecord> found,
                                ParseEntries(std::move(reply.elements), 0));
    if (!found.empty()) until = fmt::format("(0-{}", EntryOf(found.front().offset));
    for (; !found.empty() && !reading.full(); found.pop_back()) {
      reading.Add(std::move(found.back()));
    }
    if (!more) break;
  }
  std::reverse(reading.records().begin(), reading.records().end());
  co_return std::move(reading.records());
}

Task<Result<std::vector<Offset>>> FetchFloors(RedisStreamsCore& core, std::string group,
                                              std::vector<TopicShard> of, CallToken /*token*/) {
  std::vector<Offset> floors;
  if (of.empty()) co_return floors;
  std::vector<std::string> command = {"HMGET", core.FloorsKey(group)};
  for (const TopicShard& shard : of) command.push_back(TopicShardName(shard));
  EPIGRID_CO_ASSIGN_OR_RETURN(Reply reply, LogReply(co_await core.redis.Call(std::move(command))));
  for (const Reply& found : reply.elements) {
    Offset& floor = floors.emplace_back(0);
    std::from_chars(found.text.data(), found.text.data() + found.text.size(), floor);
  }
  co_return floors;
}

Task<Result<Done>> CallScript(RedisStreamsCore& core, const RedisScript& script, std::string key,
                              std::vector<std::string> arguments, CallToken /*token*/) {
  co_return ToDone(LogReply(co_await script.Call(core.redis, {std::move(key)}, std::move(arguments),
                                                 core.options.redis.deadline)));
}

Task<Result<StringMap>> FetchMetadata(RedisStreamsCore& core, std::string key,
                                      CallToken /*token*/) {
  EPIGRID_CO_ASSIGN_OR_RETURN(Reply reply,
                              LogReply(co_await core.redis.Call({"HGETALL", std::move(key)})));
  co_return ToMap(reply);
}

Task<Result<Done>> DeleteMetadata(RedisStreamsCore& core, std::string key, std::string field,
                                  CallToken /*token*/) {
  co_return ToDone(LogReply(co_await core.redis.Call({"HDEL", std::move(key), std::move(field)})));
}

}  // namespace

RedisStreamsLog::RedisStreamsLog(EventLoop& loop, RedisStreamsLogOptions options)
    : core_(std::make_unique<RedisStreamsCore>(loop, std::move(options))) {}

RedisStreamsLog::~RedisStreamsLog() = default;

Future<Result<Done>> RedisStreamsLog::Open(const LogIdentity& identity) {
  return Run(OpenLog(*core_, identity, core_->calls.Enter()));
}

Future<Result<LogDurability>> RedisStreamsLog::Durability() {
  return Run(FetchDurability(*core_, core_->calls.Enter()));
}

std::unique_ptr<Producer> RedisStreamsLog::NewProducer() {
  return std::make_unique<RedisStreamsProducer>(*core_);
}

std::unique_ptr<Consumer> RedisStreamsLog::NewConsumer() {
  return std::make_unique<RedisStreamsConsumer>(*core_);
}

Future<Result<Offset>> RedisStreamsLog::End(const TopicShard& of) {
  return Run(FetchEnd(*core_, of, core_->calls.Enter()));
}

Future<Result<std::vector<Offset>>> RedisStreamsLog::Ends(std::vector<TopicShard> of) {
  return Run(FetchEnds(*core_, std::move(of), core_->calls.Enter()));
}

Future<Result<std::vector<LogRecord>>> RedisStreamsLog::Read(const TopicShard& from, Offset after,
                                                             size_t limit) {
  return Run(ReadAfter(*core_, from, after, limit, core_->calls.Enter()));
}

Future<Result<std::vector<LogRecord>>> RedisStreamsLog::ReadNewest(const TopicShard& from,
                                                                   size_t limit) {
  return Run(ReadLast(*core_, from, limit, core_->calls.Enter()));
}

Future<Result<std::vector<Offset>>> RedisStreamsLog::Starts(std::vector<TopicShard> of) {
  return Run(FetchStarts(*core_, std::move(of), core_->calls.Enter()));
}

Future<Result<Done>> RedisStreamsLog::Cut(const TopicShard& of, Offset first_kept) {
  return Run(CutBelow(*core_, of, first_kept, core_->calls.Enter()));
}

Future<Result<std::vector<Offset>>> RedisStreamsLog::Floors(const std::string& group,
                                                            std::vector<TopicShard> of) {
  return Run(FetchFloors(*core_, group, std::move(of), core_->calls.Enter()));
}

Future<Result<Done>> RedisStreamsLog::RaiseFloors(const std::string& group,
                                                  std::map<TopicShard, Offset> floors) {
  std::vector<std::string> arguments;
  for (const auto& [shard, floor] : floors) {
    arguments.push_back(TopicShardName(shard));
    arguments.push_back(std::to_string(floor));
  }
  return Run(CallScript(*core_, RaiseFloorsScript(), core_->FloorsKey(group), std::move(arguments),
                        core_->calls.Enter()));
}

Future<Result<StringMap>> RedisStreamsLog::ShardMetadata(const TopicShard& of) {
  return Run(FetchMetadata(*core_, core_->MetadataKey(of), core_->calls.Enter()));
}

Future<Result<Done>> RedisStreamsLog::PutShardMetadata(const TopicShard& of, std::string field,
                                                       std::string value) {
  return Run(CallScript(*core_, PutMetadataScript(), core_->MetadataKey(of),
                        {std::move(field), std::move(value)}, core_->calls.Enter()));
}

Future<Result<Done>> RedisStreamsLog::DeleteShardMetadata(const TopicShard& of, std::string field) {
  return Run(
      DeleteMetadata(*core_, core_->MetadataKey(of), std::move(field), core_->calls.Enter()));
}

}  // namespace epigrid
