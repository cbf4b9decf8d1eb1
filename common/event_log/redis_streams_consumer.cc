#include "common/event_log/redis_streams_consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace epigrid {
namespace {

using SteadyClock = std::chrono::steady_clock;
using PolledShards = std::vector<Polled>;

constexpr Duration kBlockMax = std::chrono::milliseconds(100);
// How soon a consumer that has nothing to read notices that it has.
constexpr Duration kIdleStep = std::chrono::milliseconds(5);
// Entries of one shard in one answer. The first read asks for few: it does not know yet how large
// they are.
constexpr size_t kCountFirst = 16;
constexpr size_t kCountMax = 512;

// A shard as one read sees it. The epoch tells whether it was assigned anew meanwhile.
struct ShardRead {
  TopicShard shard;
  Offset after = 0;
  uint64_t epoch = 0;
};

// Whether all that was ever written after `after` can still be read.
Status CheckPosition(const ShardRead& read, const Result<StreamInfo>& found) {
  if (!found.ok()) return OfShard(found.status(), read.shard);
  const StreamInfo& info = *found;
  if (info.last < read.after) return LogCutShort(read.shard, info.last, read.after);
  if (read.after < info.start()) return LogStartMoved(read.shard, info.start(), read.after);
  return OkStatus();
}

Task<void> Unblock(CallToken /*token*/, RedisStreamsCore& core, int64_t client) {
  // Whatever the answer: the block ends by itself within kBlockMax.
  (void)co_await core.redis.Call({"CLIENT", "UNBLOCK", std::to_string(client)});
}

}  // namespace

struct RedisStreamsConsumer::State {
  explicit State(RedisStreamsCore& with)
      : core(with), connection(with.BorrowConnection()), connections(connection->connections()) {}
  ~State() { core.ReturnConnection(connection); }

  // A Poll under way. The token goes last: the state gives its connection back to the core.
  struct Call {
    CallToken token;
    std::shared_ptr<State> state;
  };

  struct Position {
    Offset after = 0;
    uint64_t epoch = 0;
    bool paused = false;
    bool checked =
        false;  // by CheckPosition, since the assignment and since the connection was made
  };

  struct Plan {
    std::vector<ShardRead> reads;
    std::vector<ShardRead> unchecked;  // of the reads
    uint64_t changes = 0;
    size_t count = 0;
  };

  Plan MakePlan();
  void DistrustPositions();
  void Change(const CallToken& token, std::unique_lock<std::mutex> lock);
  // `more`: a shard had as many entries as were asked for.
  PolledShards Accept(std::vector<ShardRead> reads, std::vector<std::vector<LogRecord>> found,
                      bool more);

  static Task<Result<PolledShards>> Poll(Call call, Duration wait);
  static Task<Result<PolledShards>> ReadOnce(State& state, CallToken token, Plan plan,
                                             Duration block);
  static Task<Status> Check(State& state, std::vector<ShardRead> reads);
  static Task<Result<Reply>> Fetch(State& state, CallToken token, const Plan& plan, Duration block);
  void StopShard(const ShardRead& read);
  bool Current(const ShardRead& read) const;

  RedisStreamsCore& core;
  RedisClient* const connection;

  mutable std::mutex mutex;  // of all below
  std::map<TopicShard, Position> shards;
  uint64_t epochs = 0;
  uint64_t changes = 0;        // of what there is to read
  int64_t blocked_client = 0;  // the connection's id in the server while a read may block there
  uint64_t connections;        // of the connection; another number now means that it was lost
  size_t count = kCountFirst;
};

RedisStreamsConsumer::State::Plan RedisStreamsConsumer::State::MakePlan() {
  std::lock_guard lock(mutex);
  Plan plan{.reads = {}, .unchecked = {}, .changes = changes, .count = count};
  for (const auto& [shard, position] : shards) {
    if (position.paused) continue;
    plan.reads.push_back({shard, position.after, position.epoch});
    if (!position.checked) plan.unchecked.push_back(plan.reads.back());
  }
  return plan;
}

void RedisStreamsConsumer::State::DistrustPositions() {
  std::lock_guard lock(mutex);
  for (auto& [shard, position] : shards) position.checked = false;
}

// Ends a block that began before the change.
void RedisStreamsConsumer::State::Change(const CallToken& token,
                                         std::unique_lock<std::mutex> lock) {
  ++changes;
  const int64_t client = blocked_client;
  lock.unlock();
  if (client != 0) Spawn(Unblock(token, core, client));
}

// Under the mutex.
bool RedisStreamsConsumer::State::Current(const ShardRead& read) const {
  const auto found = shards.find(read.shard);
  return found != shards.end() && found->second.epoch == read.epoch;
}

void RedisStreamsConsumer::State::StopShard(const ShardRead& read) {
  std::lock_guard lock(mutex);
  if (Current(read)) shards.erase(read.shard);
}

Task<Status> RedisStreamsConsumer::State::Check(State& state, std::vector<ShardRead> reads) {
  std::vector<TopicShard> of;
  for (const ShardRead& read : reads) of.push_back(read.shard);
  Result<StreamInfos> infos = co_await FetchStreamInfo(state.core, std::move(of));
  if (!infos.ok()) co_return infos.status();
  for (size_t i = 0; i < reads.size(); ++i) {
    Status status = CheckPosition(reads[i], (*infos)[i]);
    if (!status.ok()) {
      state.StopShard(reads[i]);
      co_return status;
    }
    std::lock_guard lock(state.mutex);
    if (state.Current(reads[i])) state.shards[reads[i].shard].checked = true;
  }
  co_return OkStatus();
}

// Sends the blocking read, behind the question for the connection's id that a change needs to end
// the block.
Task<Result<Reply>> RedisStreamsConsumer::State::Fetch(State& state, CallToken token,
                                                       const Plan& plan, Duration block) {
  std::vector<std::string> command = {"XREAD", "COUNT", std::to_string(plan.count)};
  const int64_t block_ms = std::chrono::ceil<std::chrono::milliseconds>(block).count();
  if (block_ms > 0) {  // BLOCK 0 would wait for ever
    command.push_back("BLOCK");
    command.push_back(std::to_string(block_ms));
  }
  command.push_back("STREAMS");
  for (const ShardRead& read : plan.reads) command.push_back(state.core.StreamKey(read.shard));
  for (const ShardRead& read : plan.reads) command.push_back(EntryIdBefore(read.after));
  Future<Result<Reply>> identified = state.connection->Call({"CLIENT", "ID"});
  Future<Result<Reply>> read =
      state.connection->Call(std::move(command), block + state.core.options.redis.deadline);

  const Result<Reply> client = LogReply(co_await identified);
  bool reconnected = false;
  if (client.ok()) {
    std::unique_lock lock(state.mutex);
    const uint64_t now = state.connection->connections();
    reconnected = std::exchange(state.connections, now) != now;
    state.blocked_client = client->integer;
    if (state.changes != plan.changes) state.Change(token, std::move(lock));
  }
  Result<Reply> reply = LogReply(co_await read);
  {
    std::lock_guard lock(state.mutex);
    state.blocked_client = 0;
  }
  if (reconnected || !reply.ok()) state.DistrustPositions();
  // A server that came back may have lost its tail: nothing that it says counts before the
  // positions are checked.
  if (reconnected && reply.ok()) reply->elements.clear();
  co_return reply;
}

Task<Result<PolledShards>> RedisStreamsConsumer::State::ReadOnce(State& state, CallToken token,
                                                                 Plan plan, Duration block) {
  EPIGRID_CO_ASSIGN_OR_RETURN(Reply reply, co_await Fetch(state, std::move(token), plan, block));
  std::vector<ShardRead> reads;
  std::vector<std::vector<LogRecord>> found;
  std::vector<ShardRead> with_gap;
  bool more = false;
  auto next = plan.reads.begin();
  for (Reply& stream : reply.elements) {
    // Streams are answered in the order in which they were asked for, less those without news.
    next = std::find_if(next, plan.reads.end(), [&](const ShardRead& read) {
      return state.core.StreamKey(read.shard) == stream.elements.at(0).text;
    });
    EPIGRID_CHECK(next != plan.reads.end(), "Redis answered for a stream that was not asked for");
    more |= stream.elements.at(1).elements.size() == plan.count;
    Result<std::vector<LogRecord>> records =
        ParseEntries(std::move(stream.elements.at(1).elements), next->after);
    if (!records.ok()) {
      state.StopShard(*next);
      co_return OfShard(records.status(), next->shard);
    }
    if (EntryOf(records->front().offset) > EntryOf(next->after) + 1) with_gap.push_back(*next);
    reads.push_back(*next);
    found.push_back(std::move(records).value());
  }
  if (!with_gap.empty()) {
    if (Status status = co_await Check(state, std::move(with_gap)); !status.ok()) co_return status;
  }
  co_return state.Accept(std::move(reads), std::move(found), more);
}

PolledShards RedisStreamsConsumer::State::Accept(std::vector<ShardRead> reads,
                                                 std::vector<std::vector<LogRecord>> found,
                                                 bool more) {
  size_t bytes = 0;
  PolledShards accepted;
  std::lock_guard lock(mutex);
  for (size_t i = 0; i < reads.size(); ++i) {
    for (const LogRecord& record : found[i]) bytes += BytesOf(record);
    if (!Current(reads[i])) continue;
    Position& position = shards[reads[i].shard];
    if (position.paused) continue;
    position.after = found[i].back().offset;
    accepted.push_back({std::move(reads[i].shard), std::move(found[i])});
  }
  if (bytes > core.options.poll_bytes_target) {
    count = std::max<size_t>(1, count / 2);
  } else if (more && bytes < core.options.poll_bytes_target / 2) {
    count = std::min(kCountMax, count * 2);
  }
  return accepted;
}

Task<Result<PolledShards>> RedisStreamsConsumer::State::Poll(Call call, Duration wait) {
  State& state = *call.state;
  const SteadyClock::time_point deadline = SteadyClock::now() + wait;
  for (;;) {
    if (state.core.closing) co_return LogUnavailable("the log is being closed");
    Plan plan = state.MakePlan();
    if (!plan.unchecked.empty()) {
      if (Status status = co_await Check(state, plan.unchecked); !status.ok()) co_return status;
    }
    const Duration left = std::max(
        Duration::zero(), std::chrono::duration_cast<Duration>(deadline - SteadyClock::now()));
    if (plan.reads.empty()) {
      if (left == Duration::zero()) co_return PolledShards();
      co_await state.core.loop.Sleep(std::min(left, kIdleStep));
      continue;
    }
    EPIGRID_CO_ASSIGN_OR_RETURN(
        PolledShards polled,
        co_await ReadOnce(state, call.token, std::move(plan), std::min(left, kBlockMax)));
    if (!polled.empty() || SteadyClock::now() >= deadline) co_return polled;
  }
}

RedisStreamsConsumer::RedisStreamsConsumer(RedisStreamsCore& core)
    : state_(std::make_shared<State>(core)) {}
RedisStreamsConsumer::~RedisStreamsConsumer() = default;

void RedisStreamsConsumer::Assign(const TopicShard& from, Offset after) {
  std::unique_lock lock(state_->mutex);
  state_->shards[from] = {
      .after = after, .epoch = ++state_->epochs, .paused = false, .checked = false};
  state_->Change(state_->core.calls.Enter(), std::move(lock));
}

void RedisStreamsConsumer::Unassign(const TopicShard& from) {
  std::lock_guard lock(state_->mutex);
  state_->shards.erase(from);
}

void RedisStreamsConsumer::SetPaused(const TopicShard& from, bool paused) {
  std::unique_lock lock(state_->mutex);
  const auto found = state_->shards.find(from);
  if (found == state_->shards.end() || found->second.paused == paused) return;
  found->second.paused = paused;
  if (!paused) state_->Change(state_->core.calls.Enter(), std::move(lock));
}

Future<Result<PolledShards>> RedisStreamsConsumer::Poll(Duration wait) {
  return Run(State::Poll({state_->core.calls.Enter(), state_}, wait));
}

}  // namespace epigrid
