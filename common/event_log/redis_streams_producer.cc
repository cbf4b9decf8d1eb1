#include "common/event_log/redis_streams_producer.h"

#include <fmt/format.h>

#include <array>
#include <deque>

#include "common/event_log/append_backlog.h"
#include "epigrid/internal/v1/log_entry.pb.h"

namespace epigrid {
namespace {

using Offsets = std::vector<Offset>;

// What can be refused is refused before the first XADD: memory and disk by the server (a script
// that starts with "#!lua" and may write is checked before it runs), a key that is no stream by the
// first loop. A stream whose last id is not the log's (somebody else wrote to it) fails where it
// comes.
const RedisScript& AppendScript() {
  static const RedisScript script(R"(#!lua
-- KEYS: the streams. ARGV, for each entry: the number of its stream in KEYS, its records.
for i = 1, #KEYS do redis.call('XLEN', KEYS[i]) end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local ids = {}
for i = 1, #ARGV, 2 do
  ids[#ids + 1] = redis.call('XADD', KEYS[tonumber(ARGV[i])], '0-*', 'r', ARGV[i + 1], 't', now)
end
return ids
)");
  return script;
}

// Errors that the server answers before it runs the script.
bool RefusedByServer(std::string_view error) {
  static constexpr std::array<std::string_view, 12> kRefusals = {
      "OOM",    "MISCONF", "READONLY",   "LOADING",   "BUSY",        "NOSCRIPT",
      "NOAUTH", "NOPERM",  "NOREPLICAS", "WRONGTYPE", "CLUSTERDOWN", "MASTERDOWN"};
  const std::string_view word = error.substr(0, error.find(' '));
  for (std::string_view refusal : kRefusals) {
    if (word == refusal) return true;
  }
  return false;
}

// OUTCOME_UNKNOWN or LOG_UNAVAILABLE for a flush that was not acknowledged; OK if it was.
Status FlushStatus(const Result<Reply>& reply) {
  if (!reply.ok()) {
    if (reply.status().reason() != "REDIS_OUTCOME_UNKNOWN")
      return LogUnavailable(reply.status().ToString());
    return AppendUnknown(reply.status().message());
  }
  if (!reply->is_error()) return OkStatus();
  if (RefusedByServer(reply->text)) return LogUnavailable(reply->text);
  return Unavailable("OUTCOME_UNKNOWN", "the event log failed while it appended: " + reply->text);
}

struct PendingAppend {
  std::vector<NewRecord> records;
  size_t bytes = 0;
  Promise<Result<Offsets>> promise;
};

// What one script call is given: the records of each shard packed into entries. Moves keys and
// values out of the records.
class FlushArguments {
 public:
  FlushArguments(const RedisStreamsCore& core, std::vector<PendingAppend>& flush)
      : entry_bytes_max_(core.options.entry_bytes_max) {
    for (PendingAppend& append : flush) {
      for (NewRecord& record : append.records) {
        auto [stream, is_new] = streams_.try_emplace(std::move(record.to));
        if (is_new) {
          keys.push_back(core.StreamKey(stream->first));
          stream->second.number = std::to_string(keys.size());
        }
        Add(stream->second, record);
      }
    }
    for (auto& [of, stream] : streams_) Close(stream);
  }

  // The offsets of the records, in their order, by the ids of the entries.
  Offsets OffsetsOf(const Reply& ids) const {
    Offsets offsets;
    offsets.reserve(places_.size());
    for (const Place& place : places_) {
      const uint64_t entry = ParseEntryId(ids.elements.at(place.entry).text).value();
      offsets.push_back(LastOffsetOf(entry) - entry_sizes_[place.entry] + 1 + place.index);
    }
    return offsets;
  }

  std::vector<std::string> keys;
  std::vector<std::string> arguments;

 private:
  struct Stream {
    std::string number;  // in KEYS
    internal::v1::LogEntry entry;
    size_t bytes = 0;
    std::vector<size_t> open;  // in places_: the records of the entry
  };
  struct Place {
    size_t entry = 0;
    size_t index = 0;
  };

  void Add(Stream& stream, NewRecord& record) {
    const size_t bytes = BytesOf(record);
    if (stream.bytes + bytes > entry_bytes_max_ || stream.open.size() == kRecordsPerEntryMax) {
      Close(stream);
    }
    stream.bytes += bytes;
    stream.open.push_back(places_.size());
    places_.push_back({0, stream.open.size() - 1});
    internal::v1::LoggedRecord& logged = *stream.entry.add_records();
    logged.set_key(std::move(record.key));
    logged.set_value(std::move(record.value));
  }
  void Close(Stream& stream) {
    if (stream.open.empty()) return;
    for (const size_t place : stream.open) places_[place].entry = entry_sizes_.size();
    entry_sizes_.push_back(stream.open.size());
    arguments.push_back(stream.number);
    arguments.push_back(stream.entry.SerializeAsString());
    stream.entry.Clear();
    stream.open.clear();
    stream.bytes = 0;
  }

  const size_t entry_bytes_max_;
  std::map<TopicShard, Stream> streams_;
  std::vector<size_t> entry_sizes_;
  std::vector<Place> places_;  // of all records
};

void Fail(const std::vector<PendingAppend>& appends, const Status& status) {
  for (const PendingAppend& append : appends) append.promise.Set(status);
}

}  // namespace

struct RedisStreamsProducer::State {
  explicit State(RedisStreamsCore& with)
      : core(with), backlog(with.options.queue_records_max, with.options.queue_bytes_max) {}

  // Under the mutex: everything that waits.
  std::vector<PendingAppend> TakeAll() {
    std::vector<PendingAppend> all(std::move_iterator(queue.begin()),
                                   std::move_iterator(queue.end()));
    queue.clear();
    return all;
  }

  // The next flush; empty, and no longer flushing, if nothing waits.
  std::vector<PendingAppend> TakeFlush() {
    std::lock_guard lock(mutex);
    std::vector<PendingAppend> flush;
    size_t records = 0, bytes = 0;
    while (!queue.empty()) {
      const PendingAppend& next = queue.front();
      if (!flush.empty() && (records + next.records.size() > core.options.flush_records_max ||
                             bytes + next.bytes > core.options.flush_bytes_max)) {
        break;
      }
      records += next.records.size();
      bytes += next.bytes;
      flush.push_back(std::move(queue.front()));
      queue.pop_front();
    }
    backlog.Remove(records, bytes);
    flushing = !flush.empty();
    return flush;
  }

  RedisStreamsCore& core;
  mutable std::mutex mutex;  // of all below
  std::deque<PendingAppend> queue;
  AppendBacklog backlog;
  bool flushing = false;
  bool broken = false;
  std::string broken_by;
};

RedisStreamsProducer::RedisStreamsProducer(RedisStreamsCore& core)
    : state_(std::make_shared<State>(core)) {
  EPIGRID_CHECK(core.shard_count != 0, "Open the log before producing to it");
}

RedisStreamsProducer::~RedisStreamsProducer() {
  std::vector<PendingAppend> waiting;
  {
    std::lock_guard lock(state_->mutex);
    state_->broken = true;
    state_->broken_by = "the producer was closed";
    waiting = state_->TakeAll();
  }
  if (waiting.empty()) return;
  state_->core.loop.Post(
      [waiting = std::make_shared<std::vector<PendingAppend>>(std::move(waiting))] {
        Fail(*waiting, LogUnavailable("the producer was closed before the records were sent"));
      });
}

bool RedisStreamsProducer::broken() const {
  std::lock_guard lock(state_->mutex);
  return state_->broken;
}

Future<Result<Offsets>> RedisStreamsProducer::Append(std::vector<NewRecord> records) {
  RedisStreamsCore& core = state_->core;
  const size_t bytes = BytesOf(records);
  if (Status status = CheckAppend(records, bytes, core.shard_count); !status.ok()) {
    return Ready(Result<Offsets>(std::move(status)));
  }
  std::lock_guard lock(state_->mutex);
  if (state_->broken) return Ready(Result<Offsets>(LogUnavailable(state_->broken_by)));
  if (records.empty()) return Ready(Result<Offsets>(Offsets()));
  if (Status status = state_->backlog.Add(records.size(), bytes); !status.ok()) {
    return Ready(Result<Offsets>(std::move(status)));
  }
  PendingAppend& append = state_->queue.emplace_back(PendingAppend{std::move(records), bytes, {}});
  if (!state_->flushing) {
    state_->flushing = true;
    core.loop.Post(
        [state = state_, token = core.calls.Enter()] { Spawn(FlushUntilEmpty(state, token)); });
  }
  return append.promise.future();
}

// The token keeps the core alive; it is a parameter only so that the coroutine holds it.
Task<void> RedisStreamsProducer::FlushUntilEmpty(std::shared_ptr<State> state,
                                                 CallToken /*token*/) {
  for (;;) {
    std::vector<PendingAppend> flush = state->TakeFlush();
    if (flush.empty()) co_return;
    FlushArguments flushed(state->core, flush);
    Result<Reply> reply = co_await AppendScript().Call(state->core.redis, std::move(flushed.keys),
                                                       std::move(flushed.arguments),
                                                       state->core.options.append_deadline);
    const Status status = FlushStatus(reply);
    if (!status.ok()) {
      std::vector<PendingAppend> behind;
      {
        std::lock_guard lock(state->mutex);
        state->broken = true;
        state->broken_by = "an earlier append failed: " + status.message();
        state->flushing = false;
        behind = state->TakeAll();
      }
      Fail(flush, status);
      Fail(behind, LogUnavailable("an append before these records failed: " + status.message()));
      co_return;
    }
    const Offsets offsets = flushed.OffsetsOf(*reply);
    auto next = offsets.begin();
    for (PendingAppend& append : flush) {
      const auto end = next + static_cast<ptrdiff_t>(append.records.size());
      append.promise.Set(Offsets(next, end));
      next = end;
    }
  }
}

}  // namespace epigrid
