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
#include "common/redis/client.h"

namespace epigrid {
namespace {

constexpr Duration kLookDeadline = std::chrono::seconds(2);
constexpr size_t kKeyAt = 1;  // of every command here

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
    bool WasRead() const { return read_at.load() != 0; }
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

  State(EventLoop& on_loop, RedisKeyspace& client, ShardTableOptions with)
      : loop(on_loop),
        redis(client),
        options(std::move(with)),
        keys(options.service, options.key_prefix),
        entries(options.shard_count),
        looking(options.shard_count) {}

  Task<void> RefreshLoop();
  // What a look found: the live generation, and of the one known so far the applied offset and the
  // time, and what is parked. By commands on one key each, which a cluster answers also while the
  // slot moves.
  struct Found {
    Result<Reply> live, meta, parked;
    bool all_answered() const {
      return live.ok() && meta.ok() && parked.ok() && !live->is_error() && !meta->is_error() &&
             !parked->is_error();
    }
  };
  // Looks at a shard; once more, at once, if its generation turned out to be another.
  static Task<void> Look(std::shared_ptr<State> self, Shard shard);
  // Whether that was the generation that was asked for.
  bool Take(Entry& entry, Generation asked, const Found& found);
  void TakeParked(Entry& entry, const Reply& parked);
  void OnApplied(std::string_view message);
  bool Reached(const std::vector<ShardPosition>& revision) const;
  void WakeWaiters(Time now);
  void FailWaiters();

  EventLoop& loop;
  RedisKeyspace& redis;
  const ShardTableOptions options;
  const ViewKeys keys;
  std::vector<Entry> entries;
  std::mutex parked_mutex;
  std::atomic<bool> all_found{false};  // every shard was answered for once

  // On the loop's thread.
  std::vector<bool> looking;  // by shard: its answer is awaited
  uint32_t looks = 0;         // how many are
  std::list<Waiter> waiters;
  bool stopping = false;
  Task<void> refresh;
  std::unique_ptr<RedisSubscriber> subscriber;
};

ShardTable::ShardTable(EventLoop& loop, RedisKeyspace& redis, RedisOptions redis_options,
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
    for (; !state->all_found && left > Duration::zero(); left -= step) {
      co_await state->loop.Sleep(step);
    }
    co_return state->all_found.load();
  }(state_, within));
}

Task<void> ShardTable::State::RefreshLoop() {
  while (true) {
    // One that is not answered yet is not asked again.
    for (Shard shard = 0; shard < options.shard_count; ++shard) {
      if (!looking[shard]) Spawn(Look(shared_from_this(), shard));
    }
    WakeWaiters(loop.Now());
    co_await loop.Sleep(waiters.empty() ? options.refresh : options.refresh_waiting);
  }
}

Task<void> ShardTable::State::Look(std::shared_ptr<State> self, Shard shard) {
  Entry& entry = self->entries[shard];
  self->looking[shard] = true;
  ++self->looks;
  // The second time for one that was switched; a third is left to the next round.
  for (int time = 0; time < 2 && !self->stopping; ++time) {
    const Generation asked = entry.generation;
    const std::string prefix = self->keys.GenerationPrefix(shard, asked);
    auto live = self->redis.Call({"GET", self->keys.Live(shard)}, kKeyAt, kLookDeadline);
    auto meta =
        self->redis.Call({"HMGET", prefix + "meta", "applied", "time"}, kKeyAt, kLookDeadline);
    auto parked =
        self->redis.Call({"GET", prefix + std::string(kParkedCell)}, kKeyAt, kLookDeadline);
    const Found found{co_await live, co_await meta, co_await parked};
    if (!found.all_answered() || self->Take(entry, asked, found)) break;
  }
  self->looking[shard] = false;
  if (--self->looks > 0) co_return;
  self->all_found = self->all_found || std::ranges::all_of(self->entries, &Entry::WasRead);
  if (!self->waiters.empty()) self->WakeWaiters(self->loop.Now());
}

bool ShardTable::State::Take(Entry& entry, Generation asked, const Found& found) {
  entry.read_at = SteadyClock::now().time_since_epoch().count();
  const Generation generation = found.live->is_nil() ? 0 : ParseOr<Generation>(*found.live, 0);
  if (generation != asked) {
    entry.generation = generation;
    if (generation != 0) return false;
    entry.applied = 0;
    return true;
  }
  if (generation == 0 || found.meta->elements.size() != 2) return true;
  entry.time_micros = ParseOr<int64_t>(found.meta->elements[1], 0);
  entry.applied = ParseOr<Offset>(found.meta->elements[0], 0);
  TakeParked(entry, *found.parked);
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
  if (applied >= kLoadingFrom) return;
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
