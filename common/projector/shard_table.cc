#include "common/projector/shard_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <list>
#include <mutex>
#include <set>
#include <utility>

#include "common/projector/parking.h"

namespace epigrid {
namespace {

// KEYS: live, and the meta hash and parked cell of the generation known so far. Answers live,
// applied, time, parked.
constexpr char kLook[] = R"(
local live = redis.call('GET', KEYS[1])
local meta = redis.call('HMGET', KEYS[2], 'applied', 'time')
return {live, meta[1], meta[2], redis.call('GET', KEYS[3])}
)";

using SteadyClock = std::chrono::steady_clock;
using ParkedEntities = std::set<std::string, std::less<>>;

template <typename Number>
Number ParseOr(const Reply& reply, Number otherwise) {
  Number number = otherwise;
  std::from_chars(reply.text.data(), reply.text.data() + reply.text.size(), number);
  return number;
}

}  // namespace

struct ShardTable::State : std::enable_shared_from_this<ShardTable::State> {
  // Read by any thread. Applied and time are sampled no later than they are read, so that an answer
  // is at least as new as it says.
  struct Entry {
    std::atomic<Generation> generation{0};  // 0: there is no live one
    std::atomic<Offset> applied{0};
    std::atomic<int64_t> time_micros{0};
    std::atomic<int64_t> read_at{0};  // steady clock; 0: never
    bool ReadWithin(Duration age) const {
      const SteadyClock::duration at{read_at.load()};
      return at.count() != 0 && SteadyClock::now().time_since_epoch() - at <= age;
    }
    std::atomic<bool> any_parked{false};
    std::shared_ptr<const ParkedEntities> parked;  // under parked_mutex
  };
  struct Waiter {
    std::vector<ShardPosition> revision;
    Time deadline;
    Promise<Status> promise;
  };

  State(EventLoop& on_loop, RedisClient& client, ShardTableOptions with)
      : loop(on_loop),
        redis(client),
        options(std::move(with)),
        keys(options.service, options.key_prefix),
        entries(options.shard_count) {}

  Task<void> RefreshLoop();
  // Reads every shard; again, at once, those whose generation turned out to be another. Answers
  // whether all were answered for.
  Task<bool> Round();
  // Keeps the state, and with it the script, until it has ended.
  static Task<Result<Reply>> Look(std::shared_ptr<State> self, std::vector<std::string> keys) {
    co_return co_await self->look.Call(self->redis, std::move(keys), {}, std::chrono::seconds(2));
  }
  bool Take(Shard shard, Generation asked, const Result<Reply>& reply);
  void TakeParked(Entry& entry, const Reply& parked);
  void OnApplied(std::string_view message);
  bool Reached(const std::vector<ShardPosition>& revision) const;
  void WakeWaiters(Time now);
  void FailWaiters();

  EventLoop& loop;
  RedisClient& redis;
  const ShardTableOptions options;
  const ViewKeys keys;
  const RedisScript look{kLook};
  std::vector<Entry> entries;
  std::mutex parked_mutex;
  std::atomic<bool> round_done{false};

  // On the loop's thread.
  std::list<Waiter> waiters;
  bool stopping = false;
  Task<void> refresh;
  std::unique_ptr<RedisSubscriber> subscriber;
};

ShardTable::ShardTable(EventLoop& loop, RedisClient& redis, RedisOptions redis_options,
                       ShardTableOptions options)
    : state_(std::make_shared<State>(loop, redis, std::move(options))) {
  // A message may come after this object has gone.
  state_->subscriber = std::make_unique<RedisSubscriber>(
      loop, std::move(redis_options), std::vector<std::string>{state_->keys.applied_channel()},
      [weak = std::weak_ptr<State>(state_)](std::string_view, std::string_view message) {
        if (const std::shared_ptr<State> state = weak.lock()) state->OnApplied(message);
      });
}

ShardTable::~ShardTable() { state_->subscriber.reset(); }

void ShardTable::Start() {
  state_->loop.Post([state = state_] {
    state->refresh = state->RefreshLoop();
    state->refresh.Start();
  });
}

Future<Done> ShardTable::Stop() {
  Promise<Done> stopped;
  state_->loop.Post([state = state_, stopped] {
    state->stopping = true;
    state->refresh = {};
    state->FailWaiters();
    stopped.Set(Done{});
  });
  return stopped.future();
}

Future<bool> ShardTable::AwaitFirstRound(Duration within) {
  return Run([](std::shared_ptr<State> state, Duration left) -> Task<bool> {
    const Duration step = std::chrono::milliseconds(5);
    for (; !state->round_done && left > Duration::zero(); left -= step) {
      co_await state->loop.Sleep(step);
    }
    co_return state->round_done.load();
  }(state_, within));
}

Task<void> ShardTable::State::RefreshLoop() {
  while (true) {
    if (co_await Round()) round_done = true;
    WakeWaiters(loop.Now());
    co_await loop.Sleep(waiters.empty() ? options.refresh : options.refresh_waiting);
  }
}

Task<bool> ShardTable::State::Round() {
  bool all_answered = true;
  std::vector<Shard> shards(options.shard_count);
  for (Shard shard = 0; shard < options.shard_count; ++shard) shards[shard] = shard;
  // The second time for those that were switched; a third is left to the next round.
  for (int time = 0; time < 2 && !shards.empty(); ++time) {
    struct Asked {
      Shard shard;
      Generation generation;
      Future<Result<Reply>> reply;
    };
    std::vector<Asked> asked;
    asked.reserve(shards.size());
    for (Shard shard : shards) {
      const Generation generation = entries[shard].generation;
      const std::string prefix = keys.GenerationPrefix(shard, generation);
      asked.push_back({shard, generation,
                       Run(Look(shared_from_this(), {keys.Live(shard), prefix + "meta",
                                                     prefix + std::string(kParkedCell)}))});
    }
    shards.clear();
    for (Asked& each : asked) {
      const Result<Reply> reply = co_await each.reply;
      all_answered &= reply.ok() && !reply->is_error();
      if (!Take(each.shard, each.generation, reply)) shards.push_back(each.shard);
    }
  }
  co_return all_answered;
}

bool ShardTable::State::Take(Shard shard, Generation asked, const Result<Reply>& reply) {
  if (!reply.ok() || reply->is_error()) return true;  // `read_at` grows old
  Entry& entry = entries[shard];
  entry.read_at = SteadyClock::now().time_since_epoch().count();
  const Reply& live = reply->elements[0];
  const Generation generation = live.is_nil() ? 0 : ParseOr<Generation>(live, 0);
  if (generation != asked) {
    entry.generation = generation;
    if (generation != 0) return false;
    entry.applied = 0;
    return true;
  }
  if (generation == 0) return true;
  entry.time_micros = ParseOr<int64_t>(reply->elements[2], 0);
  entry.applied = ParseOr<Offset>(reply->elements[1], 0);
  TakeParked(entry, reply->elements[3]);
  return true;
}

void ShardTable::State::TakeParked(Entry& entry, const Reply& parked) {
  if (parked.is_nil()) {
    entry.any_parked = false;
    return;
  }
  std::optional<ParkedRecords> records = ParkedRecords::Decode(parked.text);
  if (!records.has_value()) return;
  auto entities = std::make_shared<ParkedEntities>();
  for (const ParkedRoot& root : records->roots()) {
    entities->insert(root.entities.begin(), root.entities.end());
  }
  std::lock_guard lock(parked_mutex);
  entry.parked = std::move(entities);
  entry.any_parked = true;
}

void ShardTable::State::OnApplied(std::string_view message) {
  const size_t space = message.find(' ');
  if (space == std::string_view::npos) return;
  Shard shard = 0;
  Offset applied = 0;
  std::from_chars(message.data(), message.data() + space, shard);
  std::from_chars(message.data() + space + 1, message.data() + message.size(), applied);
  if (shard >= options.shard_count) return;
  // A generation that is being built publishes too: only what the live one may have applied counts,
  // and that only rises but for a fallen back view, which the next round tells.
  Entry& entry = entries[shard];
  if (entry.generation == 0 || applied <= entry.applied) return;
  entry.applied = applied;
  if (!waiters.empty()) WakeWaiters(loop.Now());
}

bool ShardTable::State::Reached(const std::vector<ShardPosition>& revision) const {
  for (const ShardPosition& position : revision) {
    const Entry& entry = entries[position.shard];
    if (entry.generation == 0 || entry.applied < position.offset) return false;
  }
  return true;
}

void ShardTable::State::WakeWaiters(Time now) {
  std::vector<std::pair<Promise<Status>, Status>> ended;
  for (auto at = waiters.begin(); at != waiters.end();) {
    const bool reached = Reached(at->revision);
    if (!reached && now < at->deadline) {
      ++at;
      continue;
    }
    ended.emplace_back(std::move(at->promise),
                       reached ? OkStatus()
                               : DeadlineExceeded("REVISION_NOT_YET_APPLIED",
                                                  "the view has not applied this revision yet: "
                                                  "try again, or ask without a revision"));
    at = waiters.erase(at);
  }
  // Whoever goes on may wait again.
  for (auto& [promise, status] : ended) promise.Set(std::move(status));
}

void ShardTable::State::FailWaiters() {
  for (Waiter& waiter : std::exchange(waiters, {})) {
    waiter.promise.Set(Unavailable("SHUTTING_DOWN", "this server is shutting down: try another"));
  }
}

Future<Status> ShardTable::WaitFor(std::vector<ShardPosition> revision, Time deadline) {
  for (const ShardPosition& position : revision) {
    EPIGRID_CHECK(position.shard < state_->options.shard_count, "a shard's number is below S");
  }
  if (state_->Reached(revision)) return Ready(OkStatus());
  Promise<Status> promise;
  state_->loop.Post([state = state_, revision = std::move(revision), deadline, promise]() mutable {
    state->waiters.push_back({std::move(revision), deadline, promise});
    if (state->stopping) {
      state->FailWaiters();
    } else {
      state->WakeWaiters(state->loop.Now());
    }
  });
  return promise.future();
}

const std::string& ShardTable::service() const { return state_->options.service; }
const ViewKeys& ShardTable::keys() const { return state_->keys; }
uint32_t ShardTable::shard_count() const { return state_->options.shard_count; }

Shard ShardTable::ShardOf(std::string_view entity) const {
  return epigrid::ShardOf(entity, state_->options.shard_count);
}

Result<Generation> ShardTable::Live(Shard shard) const {
  const State::Entry& entry = state_->entries[shard];
  if (!entry.ReadWithin(state_->options.stale_after)) {
    return Unavailable("VIEW_UNAVAILABLE", "the view cannot be read now: try again")
        .With("retry_after_ms", "500");
  }
  const Generation generation = entry.generation;
  if (generation == 0) {
    return Unavailable("VIEW_REBUILDING", "the view is being built from the log: try again")
        .With("retry_after_ms", "500");
  }
  return generation;
}

uint32_t ShardTable::unreadable() const {
  return static_cast<uint32_t>(
      std::ranges::count_if(state_->entries, [this](const State::Entry& entry) {
        return !entry.ReadWithin(state_->options.stale_after);
      }));
}

Time ShardTable::ShardTime(Shard shard) const { return {state_->entries[shard].time_micros}; }
Time ShardTable::AsOf(std::string_view entity) const { return ShardTime(ShardOf(entity)); }
Offset ShardTable::Applied(Shard shard) const { return state_->entries[shard].applied; }

bool ShardTable::IsParked(Shard shard, std::string_view entity) const {
  const State::Entry& entry = state_->entries[shard];
  if (!entry.any_parked) return false;
  std::shared_ptr<const ParkedEntities> parked;
  {
    std::lock_guard lock(state_->parked_mutex);
    parked = entry.parked;
  }
  return parked != nullptr && parked->contains(entity);
}

}  // namespace epigrid
