#include "common/event_log/redis_leases.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace epigrid {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kBeatsPerTtl = 6;

// Leases write next to nothing, and folding must go on when the memory is full: it is what makes
// room.
const RedisScript& BeatScript() {
  static const RedisScript script(R"(#!lua flags=allow-oom
-- KEYS: members, shards. ARGV: instance, ttl, number of shards, "join" or "leave", then the shards
-- that the instance gives back, or must not take.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me, expiry, shard_count = ARGV[1], string.format('%.0f', now + ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
if ARGV[4] == 'join' then redis.call('ZADD', KEYS[1], expiry, me) else redis.call('ZREM', KEYS[1], me) end
local names = redis.call('ZRANGE', KEYS[1], 0, -1)
table.sort(names)
local share = 0
for rank, name in ipairs(names) do
  if name == me then
    share = math.floor(shard_count / #names)
    if rank <= shard_count % #names then share = share + 1 end
  end
end
local owners = {}
local leases = redis.call('HGETALL', KEYS[2])
for i = 1, #leases, 2 do
  local until_, name = string.match(leases[i + 1], '^(%d+) (.*)$')
  if tonumber(until_) > now then owners[leases[i]] = name end
end
local barred = {}
for i = 5, #ARGV do
  barred[ARGV[i]] = true
  if owners[ARGV[i]] == me then
    redis.call('HDEL', KEYS[2], ARGV[i])
    owners[ARGV[i]] = nil
  end
end
local held = {}
for pass = 1, 2 do
  for number = 0, shard_count - 1 do
    local shard = tostring(number)
    local renew = pass == 1 and owners[shard] == me
    local take = pass == 2 and not owners[shard] and not barred[shard] and #held < share
    if renew or take then
      redis.call('HSET', KEYS[2], shard, expiry .. ' ' .. me)
      held[#held + 1] = number
    end
  end
end
return {share, held}
)");
  return script;
}

const RedisScript& OwnersScript() {
  static const RedisScript script(R"(#!lua flags=no-writes
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {}
local leases = redis.call('HGETALL', KEYS[1])
for i = 1, #leases, 2 do
  local until_, name = string.match(leases[i + 1], '^(%d+) (.*)$')
  if tonumber(until_) > now then
    answer[#answer + 1] = leases[i]
    answer[#answer + 1] = name
  end
end
return answer
)");
  return script;
}

std::string Key(const RedisLeasesOptions& options, std::string_view what) {
  return fmt::format("{}{{leases-{}}}{}", options.key_prefix, options.group, what);
}

Task<Result<std::map<Shard, std::string>>> FetchOwners(RedisClient& redis, std::string key,
                                                       Duration deadline) {
  Result<Reply> reply = co_await OwnersScript().Call(redis, {std::move(key)}, {}, deadline);
  if (!reply.ok() || reply->is_error()) {
    co_return Unavailable("ASSIGNMENT_UNAVAILABLE",
                          "the Redis that holds the leases does not answer: " +
                              (reply.ok() ? reply->text : reply.status().ToString()));
  }
  std::map<Shard, std::string> owners;
  for (size_t i = 0; i + 1 < reply->elements.size(); i += 2) {
    const std::string& number = reply->elements[i].text;
    Shard shard = 0;
    std::from_chars(number.data(), number.data() + number.size(), shard);
    owners[shard] = std::move(reply->elements[i + 1].text);
  }
  co_return owners;
}

}  // namespace

// All of it on the loop's thread.
struct RedisLeases::State : std::enable_shared_from_this<State> {
  enum class Phase {
    kHeld,         // the owner works on it
    kHandingOver,  // the owner was told to stop; renewed until it has
    kReturned,     // the owner has stopped; the next beat gives it back
    kLost,  // not ours any more, but the owner has not stopped yet; not taken again before that
    kOver,  // was lost, and the owner has stopped
  };
  struct Lease {
    Phase phase = Phase::kHeld;
    Task<void> owner_stops;
  };

  State(EventLoop& with_loop, RedisClient& with_redis, RedisLeasesOptions with)
      : loop(with_loop), redis(with_redis), options(std::move(with)) {}

  static Task<void> Tick(State& state);
  static Task<void> BeatUntilQuiet(State& state);
  static Task<void> Beat(State& state);
  static Task<void> AwaitOwner(State& state, Shard shard, Future<Done> stopped);

  void RequestBeat();
  void Heed(const Reply& reply, SteadyClock::time_point sent, const std::set<Shard>& given_back);
  void Revoke(Shard shard, Lease& lease, Revocation why);
  void Lose(Shard shard, Lease& lease);
  void LoseOverdue();
  void ForgetOver();
  void FinishStop();
  void Abandon();
  Duration LeftOfLeases() const {
    return std::chrono::duration_cast<Duration>(valid_until - SteadyClock::now());
  }

  EventLoop& loop;
  RedisClient& redis;
  const RedisLeasesOptions options;
  ShardOwner* owner = nullptr;
  std::map<Shard, Lease> leases;
  SteadyClock::time_point valid_until;  // of all leases: the last answered beat renewed them all
  bool stopping = false;                // Stop was called
  bool finished = false;                // and is done
  bool abandoned = false;               // the RedisLeases is gone
  std::vector<Promise<Done>> stops;
  bool beating = false;
  bool beat_again = false;
  Task<void> tick;
  Task<void> beat;
};

Task<void> RedisLeases::State::Tick(State& state) {
  const Duration interval = state.options.ttl / kBeatsPerTtl;
  while (!state.finished) {
    state.LoseOverdue();
    state.RequestBeat();
    const Duration left = state.LeftOfLeases();
    co_await state.loop.Sleep(left > Duration::zero() ? std::min(interval, left) : interval);
  }
}

void RedisLeases::State::RequestBeat() {
  if (beating) {
    beat_again = true;
    return;
  }
  beating = true;
  beat = BeatUntilQuiet(*this);
  beat.Start();
}

Task<void> RedisLeases::State::BeatUntilQuiet(State& state) {
  do {
    state.beat_again = false;
    co_await Beat(state);
    state.ForgetOver();
    if (state.stopping && state.leases.empty()) state.FinishStop();
  } while (state.beat_again);
  state.beating = false;
}

Task<void> RedisLeases::State::Beat(State& state) {
  const RedisLeasesOptions& options = state.options;
  std::vector<std::string> arguments = {
      options.instance,
      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(options.ttl).count()),
      std::to_string(options.shard_count), state.stopping ? "leave" : "join"};
  std::set<Shard> given_back;
  for (const auto& [shard, lease] : state.leases) {
    if (lease.phase == Phase::kHeld || lease.phase == Phase::kHandingOver) continue;
    arguments.push_back(std::to_string(shard));
    if (lease.phase == Phase::kReturned) given_back.insert(shard);
  }
  const SteadyClock::time_point sent = SteadyClock::now();
  // A beat without an answer is not the last: the next one follows while the leases still hold.
  Result<Reply> reply =
      co_await BeatScript().Call(state.redis, {Key(options, "members"), Key(options, "shards")},
                                 std::move(arguments), options.ttl / 3);
  if (reply.ok() && !reply->is_error()) state.Heed(*reply, sent, given_back);
}

void RedisLeases::State::Heed(const Reply& reply, SteadyClock::time_point sent,
                              const std::set<Shard>& given_back) {
  valid_until = sent + options.ttl;
  LoseOverdue();  // the answer may have come too late to be worth anything
  for (Shard shard : given_back) leases.erase(shard);
  const auto share = static_cast<size_t>(reply.elements.at(0).integer);
  std::set<Shard> held;
  for (const Reply& shard : reply.elements.at(1).elements)
    held.insert(static_cast<Shard>(shard.integer));
  for (auto& [shard, lease] : leases) {
    if (!held.contains(shard)) Lose(shard, lease);
  }
  if (valid_until <= SteadyClock::now()) return;
  for (Shard shard : held) {
    if (!stopping && leases.try_emplace(shard).second) owner->OnAssigned(shard);
  }
  size_t working = 0;
  for (const auto& [shard, lease] : leases) working += lease.phase == Phase::kHeld;
  for (auto lease = leases.rbegin(); lease != leases.rend() && working > share; ++lease) {
    if (lease->second.phase != Phase::kHeld) continue;
    Revoke(lease->first, lease->second, Revocation::kHandover);
    --working;
  }
}

void RedisLeases::State::Revoke(Shard shard, Lease& lease, Revocation why) {
  lease.phase = why == Revocation::kHandover ? Phase::kHandingOver : Phase::kLost;
  lease.owner_stops = AwaitOwner(*this, shard, owner->OnRevoked(shard, why));
  lease.owner_stops.Start();
}

Task<void> RedisLeases::State::AwaitOwner(State& state, Shard shard, Future<Done> stopped) {
  co_await stopped;
  Phase& phase = state.leases.at(shard).phase;
  phase = phase == Phase::kHandingOver ? Phase::kReturned : Phase::kOver;
  // Posted: a beat may end this very coroutine.
  state.loop.Post([weak = state.weak_from_this()] {
    const std::shared_ptr<State> alive = weak.lock();
    if (alive != nullptr && !alive->abandoned) alive->RequestBeat();
  });
}

void RedisLeases::State::Lose(Shard shard, Lease& lease) {
  switch (lease.phase) {
    case Phase::kHeld: return Revoke(shard, lease, Revocation::kLeaseLost);
    case Phase::kHandingOver: lease.phase = Phase::kLost; return;
    case Phase::kReturned: lease.phase = Phase::kOver; return;
    case Phase::kLost:
    case Phase::kOver: return;
  }
}

void RedisLeases::State::LoseOverdue() {
  if (LeftOfLeases() > Duration::zero()) return;
  for (auto& [shard, lease] : leases) Lose(shard, lease);
}

void RedisLeases::State::ForgetOver() {
  std::erase_if(leases, [](const auto& lease) { return lease.second.phase == Phase::kOver; });
}

// Posted: who waits for the end may destroy this object at once.
void RedisLeases::State::FinishStop() {
  finished = true;
  loop.Post([promises = std::exchange(stops, {})] {
    for (const Promise<Done>& promise : promises) promise.Set(Done{});
  });
}

void RedisLeases::State::Abandon() {
  abandoned = true;
  tick = Task<void>();
  beat = Task<void>();
  leases.clear();
  for (const Promise<Done>& promise : std::exchange(stops, {})) promise.Set(Done{});
}

RedisLeases::RedisLeases(EventLoop& loop, RedisClient& redis, RedisLeasesOptions options)
    : state_(std::make_shared<State>(loop, redis, std::move(options))) {
  EPIGRID_CHECK(!state_->options.group.empty() && !state_->options.instance.empty(),
                "leases need a group and an instance");
  EPIGRID_CHECK(
      state_->options.shard_count > 0 && state_->options.ttl >= std::chrono::milliseconds(60),
      "leases need shards, and a ttl of at least 60 ms");
}

RedisLeases::~RedisLeases() {
  if (state_->loop.OnLoopThread()) {
    state_->Abandon();
  } else {
    state_->loop.RunOnLoop([this] { state_->Abandon(); });
  }
}

void RedisLeases::Start(ShardOwner* owner) {
  state_->loop.Post([state = state_, owner] {
    if (state->abandoned || state->stopping) return;
    EPIGRID_CHECK(state->owner == nullptr, "leases are started once");
    state->owner = owner;
    state->tick = State::Tick(*state);
    state->tick.Start();
  });
}

Future<Done> RedisLeases::Stop() {
  Promise<Done> stopped;
  Future<Done> future = stopped.future();
  state_->loop.Post([state = state_, stopped] {
    const bool working = state->owner != nullptr && !state->abandoned && !state->finished;
    if (!working) {
      state->stopping = true;
      return stopped.Set(Done{});
    }
    state->stopping = true;
    state->stops.push_back(stopped);
    for (auto& [shard, lease] : state->leases) {
      if (lease.phase == State::Phase::kHeld) state->Revoke(shard, lease, Revocation::kHandover);
    }
    state->RequestBeat();
  });
  return future;
}

Future<Result<std::map<Shard, std::string>>> RedisLeases::Owners() {
  return Run(FetchOwners(state_->redis, Key(state_->options, "shards"), state_->options.ttl / 3));
}

}  // namespace epigrid
