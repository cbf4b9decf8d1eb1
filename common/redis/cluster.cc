#include "common/redis/cluster.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "common/base/loop_timer.h"
#include "common/redis/client.h"
#include "common/redis/cluster_map.h"

namespace epigrid {
namespace {

constexpr Duration kRefreshEvery = std::chrono::seconds(1);
// Between two refreshes when one is wanted at once, or the last one failed.
constexpr Duration kRefreshAgain = std::chrono::milliseconds(50);
constexpr Duration kRefreshDeadline = std::chrono::milliseconds(500);
// A node that is not connected by then is not waited for: another may have taken its place.
constexpr Duration kSendWithin = std::chrono::milliseconds(100);
constexpr Duration kPauseMin = std::chrono::milliseconds(5);
constexpr Duration kPauseMax = std::chrono::milliseconds(100);
// Redirects that are followed without a pause: a slot that has moved twice, and the ASK after.
constexpr int kRedirectsAtOnceMax = 4;
// Nodes that redirects name and the map does not.
constexpr size_t kNodesMax = 4'000;

using Arguments = std::shared_ptr<const std::vector<std::string>>;
using SteadyTime = std::chrono::steady_clock::time_point;

SteadyTime Now() { return std::chrono::steady_clock::now(); }
Duration Until(SteadyTime time) { return std::chrono::duration_cast<Duration>(time - Now()); }

Status NotSent(const std::string& why) { return Unavailable("REDIS_NOT_SENT", why); }

// Why a try that ended so may not be the last one; empty: it is.
std::string_view RetryReason(const Result<Reply>& reply) {
  if (!reply.ok()) {
    if (reply.status().code() != Code::kUnavailable) return {};
    return reply.status().reason() == "REDIS_NOT_SENT" ? "NOT_SENT" : "OUTCOME_UNKNOWN";
  }
  if (!reply->is_error()) return {};
  const std::string_view text = reply->text;
  const std::string_view word = text.substr(0, text.find(' '));
  return std::ranges::find(kRedisRetryReasons, word) == kRedisRetryReasons.end()
             ? std::string_view()
             : word;
}

}  // namespace

// On the loop's thread.
struct RedisCluster::State : std::enable_shared_from_this<RedisCluster::State> {
  using Self = std::shared_ptr<State>;
  // Connected when it is used. What is under way on it ends when it is destroyed.
  struct Node {
    std::shared_ptr<const RedisAddress> address;
    bool primary = false;
    std::unique_ptr<RedisClient> client;
  };

  State(EventLoop& on_loop, RedisOptions with, OnRetry when_retrying)
      : loop(on_loop),
        options(std::move(with)),
        on_retry(std::move(when_retrying)),
        seed(std::make_unique<RedisClient>(loop, NodeOptions())),
        owner(kClusterSlots, nullptr) {}

  void Start();
  void Close();

  // Runs it on the loop's thread, at once if that is this one.
  template <typename T>
  Future<T> RunThere(Task<T> task);

  static Task<Result<Reply>> Ask(Self self, Arguments arguments, size_t key_at, Duration deadline);
  static Task<Result<Reply>> AskNode(Self self, std::string name,
                                     std::vector<std::string> arguments, Duration deadline);
  static Task<Result<std::vector<RedisNode>>> Nodes(Self self);
  static Task<Result<std::string>> Placement(Self self);

  // After a try of a command: whether it ended the call, or the next one may follow at once or
  // after a pause. An ASK sets `ask`, what else is learnt from it is in the map.
  enum class Next { kEnd, kAtOnce, kLater };
  Next Judge(const Result<Reply>& reply, const RedisAddress& asked, Node*& ask);
  // The node there, made if it is new; nullptr if there are too many.
  Node* NodeAt(RedisAddress address);
  RedisOptions NodeOptions() const;

  // Done after this long, or earlier when the map was refreshed or all ends.
  Future<Done> Pause(Duration duration);
  void WakePaused(std::optional<SteadyTime> due_by);

  void RefreshSoon();
  static Task<void> Refresh(Self self);
  Task<Status> FetchMap();
  void Adopt(const ClusterMap& map);

  EventLoop& loop;
  const RedisOptions options;
  const OnRetry on_retry;
  bool closed = false;
  std::unique_ptr<RedisClient> seed;
  std::map<std::string, Node> nodes;  // by "host:port"
  std::vector<Node*> owner;           // by slot; nullptr: nobody is known
  bool has_map = false;
  std::string trouble = "it has not been asked yet";  // why there is no map, or the last failure

  std::multimap<SteadyTime, Promise<Done>> paused;  // by when they go on
  std::unique_ptr<LoopTimer> pause_timer;
  std::unique_ptr<LoopTimer> refresh_timer;
  bool refreshing = false;
  bool refresh_again = false;  // wanted since the one under way began
  SteadyTime refreshed_at;     // when the last one ended
  std::string asked_last;      // which node was asked for the map last; empty: a seed
};

void RedisCluster::State::Start() {
  pause_timer = std::make_unique<LoopTimer>(loop, [this] { WakePaused(Now()); });
  refresh_timer = std::make_unique<LoopTimer>(loop, [this] { Spawn(Refresh(shared_from_this())); });
  Spawn(Refresh(shared_from_this()));
}

void RedisCluster::State::Close() {
  closed = true;
  pause_timer.reset();
  refresh_timer.reset();
  owner.assign(kClusterSlots, nullptr);
  nodes.clear();
  seed.reset();
  WakePaused(std::nullopt);
}

template <typename T>
Task<void> SetWhenDone(Task<T> task, Promise<T> promise) {
  promise.Set(co_await task);
}

template <typename T>
Future<T> RedisCluster::State::RunThere(Task<T> task) {
  if (loop.OnLoopThread()) return Run(std::move(task));
  Promise<T> promise;
  const auto kept = std::make_shared<Task<T>>(std::move(task));
  loop.Post([kept, promise] { Spawn(SetWhenDone(std::move(*kept), promise)); });
  return promise.future();
}

Task<Result<Reply>> RedisCluster::State::Ask(Self self, Arguments arguments, size_t key_at,
                                             Duration deadline) {
  EPIGRID_CHECK(key_at < arguments->size(), "the key is one of the arguments");
  const uint16_t slot = SlotOfKey((*arguments)[key_at]);
  const bool until_answered = deadline == kUntilAnswered;
  const SteadyTime give_up = Now() + (until_answered ? self->options.deadline : deadline);
  Duration pause = kPauseMin;
  Node* ask = nullptr;  // where ASK pointed to; only until something is waited for
  for (int redirects = 0;;) {
    if (self->closed) co_return NotSent("the Redis client is closed");
    Node* const node = ask != nullptr ? ask : self->owner[slot];
    Result<Reply> reply = Reply();
    Next next = Next::kLater;
    if (node == nullptr) {
      reply = NotSent("no node of the Redis Cluster at " + self->options.Where() +
                      " is known to serve the slot: " + self->trouble);
      self->RefreshSoon();
    } else {
      // The node may be gone when it is answered.
      const std::shared_ptr<const RedisAddress> asked = node->address;
      const Duration left = until_answered ? deadline : Until(give_up);
      reply = co_await (std::exchange(ask, nullptr) != nullptr
                            ? node->client->CallAsking(arguments, left)
                            : node->client->CallShared(arguments, left));
      if (self->closed) co_return reply;
      next = self->Judge(reply, *asked, ask);
    }
    if (next == Next::kEnd) co_return reply;
    if (next == Next::kAtOnce && redirects++ < kRedirectsAtOnceMax) continue;
    ask = nullptr;
    const Duration left = Until(give_up);
    if (left <= Duration(0)) co_return reply;
    co_await self->Pause(std::min(pause, left));
    pause = std::min(2 * pause, kPauseMax);
  }
}

RedisCluster::State::Next RedisCluster::State::Judge(const Result<Reply>& reply,
                                                     const RedisAddress& asked, Node*& ask) {
  const std::string_view reason = RetryReason(reply);
  if (reason.empty()) return Next::kEnd;
  if (on_retry) on_retry(reason);
  if (reason == "TRYAGAIN") return Next::kEnd;
  if (reason != "ASK") RefreshSoon();
  if (reason != "ASK" && reason != "MOVED") return Next::kLater;
  const std::optional<Redirect> redirect = ParseRedirect(reply->text);
  if (!redirect.has_value()) return Next::kLater;
  Node* const to = NodeAt(
      {.host = redirect->host.empty() ? asked.host : redirect->host, .port = redirect->port});
  if (to == nullptr) return Next::kLater;
  if (redirect->ask) {
    ask = to;
  } else {
    owner[redirect->slot] = to;
  }
  return Next::kAtOnce;
}

RedisOptions RedisCluster::State::NodeOptions() const {
  RedisOptions of_node = options;
  of_node.send_within = kSendWithin;
  return of_node;
}

RedisCluster::State::Node* RedisCluster::State::NodeAt(RedisAddress address) {
  const std::string name = address.ToString();
  const auto found = nodes.find(name);
  if (found != nodes.end()) return &found->second;
  if (nodes.size() >= kNodesMax) return nullptr;
  RedisOptions of_node = NodeOptions();
  address.user = options.seeds.front().user;
  address.password = options.seeds.front().password;
  of_node.address = address;
  of_node.seeds.clear();
  Node node;
  node.address = std::make_shared<const RedisAddress>(std::move(address));
  node.client = std::make_unique<RedisClient>(loop, std::move(of_node));
  return &nodes.emplace(name, std::move(node)).first->second;
}

Future<Done> RedisCluster::State::Pause(Duration duration) {
  const SteadyTime due = Now() + duration;
  const auto at = paused.emplace(due, Promise<Done>());
  if (at == paused.begin()) pause_timer->Start(duration);
  return at->second.future();
}

void RedisCluster::State::WakePaused(std::optional<SteadyTime> due_by) {
  // Who goes on may pause again.
  std::vector<Promise<Done>> due;
  while (!paused.empty() && (!due_by.has_value() || paused.begin()->first <= *due_by)) {
    due.push_back(std::move(paused.begin()->second));
    paused.erase(paused.begin());
  }
  if (!paused.empty()) pause_timer->Start(std::max(Until(paused.begin()->first), Duration(0)));
  for (const Promise<Done>& one : due) one.Set(Done{});
}

void RedisCluster::State::RefreshSoon() {
  if (refreshing) {
    refresh_again = true;
  } else {
    refresh_timer->Start(std::max(Until(refreshed_at + kRefreshAgain), Duration(0)));
  }
}

Task<void> RedisCluster::State::Refresh(Self self) {
  self->refreshing = true;
  self->refresh_again = false;
  const Status fetched = co_await self->FetchMap();
  self->refreshing = false;
  if (self->closed) co_return;
  if (!fetched.ok()) self->trouble = fetched.message();
  self->refreshed_at = Now();
  self->refresh_timer->Start(fetched.ok() && !self->refresh_again ? kRefreshEvery : kRefreshAgain);
  if (fetched.ok()) self->WakePaused(std::nullopt);
}

// Of another node each time, a seed after the last: one that is cut off does not know it yet.
Task<Status> RedisCluster::State::FetchMap() {
  const auto next = nodes.upper_bound(asked_last);
  const bool of_seed = next == nodes.end();
  asked_last = of_seed ? std::string() : next->first;
  const RedisAddress asked = of_seed ? options.seeds.front() : *next->second.address;
  RedisClient& client = of_seed ? *seed : *next->second.client;
  Future<Result<Reply>> info_answer = client.Call({"CLUSTER", "INFO"}, kRefreshDeadline);
  Future<Result<Reply>> slots_answer = client.Call({"CLUSTER", "SLOTS"}, kRefreshDeadline);
  const Result<Reply> info = co_await info_answer;
  const Result<Reply> slots = co_await slots_answer;
  if (closed) co_return OkStatus();
  if (!info.ok()) co_return info.status();
  if (!slots.ok()) co_return slots.status();
  Result<ClusterMap> map = ParseClusterSlots(*slots, asked);
  if (!map.ok()) co_return map.status();
  if (!ClusterIsInOrder(*info)) {
    co_return NotSent(asked.ToString() + " says that its cluster is not in order");
  }
  Adopt(*map);
  co_return OkStatus();
}

void RedisCluster::State::Adopt(const ClusterMap& map) {
  std::map<std::string, Node> before = std::exchange(nodes, {});
  std::vector<Node*> placed;
  for (const ClusterMap::Node& named : map.nodes) {
    RedisAddress address{.host = named.host, .port = named.port};
    auto known = before.extract(address.ToString());
    if (known.empty()) {
      placed.push_back(NodeAt(std::move(address)));
    } else {
      placed.push_back(&nodes.insert(std::move(known)).position->second);
    }
    placed.back()->primary = named.primary;
  }
  for (size_t slot = 0; slot < kClusterSlots; ++slot) {
    owner[slot] = map.owner[slot] == ClusterMap::kNobody ? nullptr : placed[map.owner[slot]];
  }
  has_map = true;
}

Task<Result<std::vector<RedisNode>>> RedisCluster::State::Nodes(Self self) {
  const SteadyTime give_up = Now() + self->options.deadline;
  while (!self->closed && !self->has_map && Now() < give_up) {
    self->RefreshSoon();
    co_await self->Pause(kPauseMax);
  }
  if (self->closed) co_return NotSent("the Redis client is closed");
  if (!self->has_map) {
    co_return NotSent("the Redis Cluster at " + self->options.Where() +
                      " is not reached: " + self->trouble);
  }
  std::vector<RedisNode> all;
  for (const auto& [name, node] : self->nodes) all.push_back({name, node.primary});
  co_return all;
}

Task<Result<Reply>> RedisCluster::State::AskNode(Self self, std::string name,
                                                 std::vector<std::string> arguments,
                                                 Duration deadline) {
  const auto found = self->nodes.find(name);
  if (found == self->nodes.end()) {
    co_return NotSent("the Redis Cluster has no node " + name + " now");
  }
  Result<Reply> reply = co_await found->second.client->Call(std::move(arguments), deadline);
  if (!reply.ok() && !self->closed) self->RefreshSoon();
  co_return reply;
}

Task<Result<std::string>> RedisCluster::State::Placement(Self self) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<RedisNode> all, co_await Nodes(self));
  std::string placement;
  for (const RedisNode& node : all) {
    if (!node.primary) continue;
    std::vector<std::string> command = {"CLUSTER", "NODES"};
    const Result<Reply> reply =
        co_await AskNode(self, node.name, std::move(command), self->options.deadline);
    if (!reply.ok()) co_return reply.status();
    const std::optional<OwnSlots> own = ParseOwnSlots(reply->text);
    if (!own.has_value()) {
      co_return NotSent(node.name + " does not say which slots it has: " + reply->text);
    }
    if (own->moving) {
      co_return Unavailable("REDIS_KEYS_MOVE", "slots are being moved to or from " + node.name);
    }
    placement.append(node.name).append(" ").append(own->slots).append("\n");
  }
  co_return placement;
}

RedisCluster::RedisCluster(EventLoop& loop, RedisOptions options, OnRetry on_retry) : loop_(loop) {
  EPIGRID_CHECK(!options.seeds.empty(), "a cluster is found by a seed");
  state_ = std::make_shared<State>(loop, std::move(options), std::move(on_retry));
  if (loop.OnLoopThread()) {
    state_->Start();
  } else {
    loop.RunOnLoop([this] { state_->Start(); });
  }
}

RedisCluster::~RedisCluster() {
  loop_.RunOnLoop([this] { state_->Close(); });
  loop_.RunOnLoop([] {});  // what was under way on the nodes has ended
}

Future<Result<Reply>> RedisCluster::Call(std::vector<std::string> arguments, size_t key_at,
                                         Duration deadline) {
  return CallShared(std::make_shared<const std::vector<std::string>>(std::move(arguments)), key_at,
                    deadline);
}

Future<Result<Reply>> RedisCluster::CallShared(
    std::shared_ptr<const std::vector<std::string>> arguments, size_t key_at, Duration deadline) {
  return state_->RunThere(State::Ask(state_, std::move(arguments), key_at, deadline));
}

Future<Result<std::vector<RedisNode>>> RedisCluster::Nodes() {
  return state_->RunThere(State::Nodes(state_));
}

Future<Result<Reply>> RedisCluster::CallNode(std::string name, std::vector<std::string> arguments,
                                             Duration deadline) {
  return state_->RunThere(State::AskNode(state_, std::move(name), std::move(arguments), deadline));
}

Future<Result<std::string>> RedisCluster::Placement() {
  return state_->RunThere(State::Placement(state_));
}

std::unique_ptr<RedisKeyspace> MakeRedis(EventLoop& loop, RedisOptions options,
                                         RedisCluster::OnRetry on_retry) {
  if (options.seeds.empty()) return std::make_unique<RedisClient>(loop, std::move(options));
  return std::make_unique<RedisCluster>(loop, std::move(options), std::move(on_retry));
}

}  // namespace epigrid
