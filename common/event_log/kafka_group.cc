#include "common/event_log/kafka_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/base/loop_timer.h"
#include "common/event_log/calls_under_way.h"
#include "common/kafka/handle.h"
#include "common/kafka/worker.h"
#include "common/log/log.h"

namespace epigrid {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Duration kPollEvery = std::chrono::milliseconds(20);
constexpr Duration kOwnersDeadline = std::chrono::seconds(2);
// When a member that was given nothing asks whether anybody was given anything; then ever later.
constexpr Duration kDoubtAfterMin = std::chrono::seconds(1);
constexpr Duration kDoubtAfterMax = std::chrono::seconds(30);
constexpr Duration kTroubleEvery = std::chrono::seconds(10);  // is told once in

void DestroyGroups(const struct rd_kafka_group_list* groups) {
  rd_kafka_group_list_destroy(groups);
}
using Groups = KafkaOwned<const struct rd_kafka_group_list, &DestroyGroups>;

Status AssignmentUnavailable(std::string_view why) {
  return Unavailable("ASSIGNMENT_UNAVAILABLE",
                     fmt::format("the brokers do not say who owns the shards: {}", why));
}

// What a member of a group was given, as the consumer protocol writes it: a version, then each
// topic with its partitions; all numbers big-endian.
class AssignmentBytes {
 public:
  explicit AssignmentBytes(std::string_view bytes) : bytes_(bytes) {}

  // Those of this topic; nullopt: the bytes are not of that kind.
  std::optional<std::vector<Shard>> PartitionsOf(std::string_view topic) {
    std::vector<Shard> found;
    Number(2);
    const uint32_t topics = Number(4);
    for (uint32_t t = 0; t < topics && whole_; ++t) {
      const std::string_view name = Text(Number(2));
      const uint32_t partitions = Number(4);
      for (uint32_t p = 0; p < partitions && whole_; ++p) {
        const uint32_t partition = Number(4);
        if (whole_ && name == topic) found.push_back(partition);
      }
    }
    if (!whole_) return std::nullopt;
    return found;
  }

 private:
  std::string_view Text(size_t size) {
    whole_ = whole_ && size <= bytes_.size();
    if (!whole_) return {};
    const std::string_view text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return text;
  }
  uint32_t Number(size_t size) {
    uint32_t number = 0;
    for (const char byte : Text(size)) number = number << 8 | static_cast<unsigned char>(byte);
    return number;
  }

  std::string_view bytes_;
  bool whole_ = true;
};

}  // namespace

// On the loop's thread, but for what the worker does.
class KafkaGroup::State : public std::enable_shared_from_this<State> {
 public:
  State(EventLoop& with_loop, KafkaGroupOptions with)
      : loop(with_loop), options_(std::move(with)) {}

  void Start(ShardOwner* owner);
  void Stop(Promise<Done> stopped);
  void Abandon();

  struct Group {
    bool stable = false;  // else the brokers are deciding
    std::map<Shard, std::string> owners;
  };
  Result<Group> FetchGroup();

  EventLoop& loop;
  CallsUnderWay calls;
  KafkaWorker worker;

 private:
  enum class Phase : uint8_t {
    kHeld,     // the owner works on it
    kRevoked,  // the owner was told to stop and has not yet
  };
  struct Held {
    Phase phase = Phase::kHeld;
    Task<void> owner_stops;
  };

  static void OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t what,
                          rd_kafka_topic_partition_list_t* partitions, void* opaque);
  static Task<void> AwaitOwner(std::weak_ptr<State> weak, Shard shard, Future<Done> stopped);

  Status MakeClient();
  Status Subscribe();
  void Poll();
  void DoubtThatNothingIsGiven();
  void TellTrouble(std::string_view why);
  void Rebalance(rd_kafka_resp_err_t what, const rd_kafka_topic_partition_list_t& partitions);
  void Pursue();
  void Revoke(Shard shard, Held& held, Revocation why);
  void LeaveIfDone();

  const KafkaGroupOptions options_;
  ShardOwner* owner_ = nullptr;
  KafkaClient client_;
  std::optional<LoopTimer> timer_;
  // What the brokers have given; nullopt while they are deciding, and everybody goes on.
  std::optional<std::set<Shard>> given_;
  SteadyClock::time_point deciding_since_;
  // While nothing is given: when to ask whether others have something.
  SteadyClock::time_point doubt_at_;
  Duration doubt_after_ = kDoubtAfterMin;
  bool doubting_ = false;
  SteadyClock::time_point told_trouble_;
  std::map<Shard, Held> held_;
  bool stopping_ = false;
  std::atomic<bool> over_ = false;
  std::vector<Promise<Done>> stops_;

  KafkaClient asker_;  // the worker's
};

Status KafkaGroup::State::MakeClient() {
  const int session = KafkaMillis(options_.session_timeout);
  auto client =
      NewKafkaClient(RD_KAFKA_CONSUMER, options_.kafka,
                     {{"group.id", options_.group},
                      {"partition.assignment.strategy", "range"},
                      {"session.timeout.ms", std::to_string(session)},
                      {"heartbeat.interval.ms", std::to_string(std::clamp(session / 10, 50, 500))},
                      // A loop that stands still so long gives its shards up.
                      {"max.poll.interval.ms", std::to_string(std::max(session, 30'000))},
                      {"enable.auto.commit", "false"},
                      {"enable.auto.offset.store", "false"},
                      {"allow.auto.create.topics", "false"},
                      {"topic.metadata.refresh.interval.ms", "30000"}},
                     RD_KAFKA_EVENT_NONE, {.rebalance = &OnRebalance, .opaque = this});
  EPIGRID_RETURN_IF_ERROR(client.status());
  client_ = std::move(client).value();
  rd_kafka_poll_set_consumer(client_.get());
  return Subscribe();
}

Status KafkaGroup::State::Subscribe() {
  const KafkaPartitions topics = NewKafkaPartitions(1);
  rd_kafka_topic_partition_list_add(topics.get(), options_.topic.c_str(), RD_KAFKA_PARTITION_UA);
  const rd_kafka_resp_err_t error = rd_kafka_subscribe(client_.get(), topics.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return AssignmentUnavailable(KafkaErrorText(error));
  return OkStatus();
}

void KafkaGroup::State::Start(ShardOwner* owner) {
  if (over_ || stopping_) return;
  EPIGRID_CHECK(owner_ == nullptr, "a group is joined once");
  owner_ = owner;
  timer_.emplace(loop, [this] { Poll(); });
  Poll();
}

void KafkaGroup::State::Poll() {
  if (client_ == nullptr && !stopping_) {
    if (Status made = MakeClient(); !made.ok()) {
      client_.reset();  // tried again
      TellTrouble(made.message());
    }
  }
  if (client_ != nullptr) {
    // Rebalances come from within. There are no messages, as nothing is assigned to the client; an
    // error is the client's own trouble, which it goes on with: not to be let in, for example.
    while (rd_kafka_message_t* message = rd_kafka_consumer_poll(client_.get(), 0)) {
      TellTrouble(rd_kafka_message_errstr(message));
      rd_kafka_message_destroy(message);
    }
  }
  const bool undecided_too_long =
      !given_.has_value() && SteadyClock::now() - deciding_since_ > options_.session_timeout;
  if (undecided_too_long && !held_.empty()) {
    for (auto& [shard, held] : held_) {
      if (held.phase == Phase::kHeld) Revoke(shard, held, Revocation::kLeaseLost);
    }
  }
  if (given_.has_value() && given_->empty() && !doubting_ && SteadyClock::now() >= doubt_at_) {
    DoubtThatNothingIsGiven();
  }
  if (timer_.has_value()) timer_->Start(kPollEvery);
}

void KafkaGroup::State::TellTrouble(std::string_view why) {
  const auto now = SteadyClock::now();
  if (now - told_trouble_ < kTroubleEvery) return;
  told_trouble_ = now;
  EPIGRID_LOG_WARN("assignment.trouble", {"group", Safe(options_.group)},
                   {"message", Redacted(why)});
}

// The member that shares the partitions out asks some broker how many there are. If that broker has
// not heard of a topic that was made a moment ago, nobody is given anything; librdkafka, which was
// told the number by another broker before, sees no change later and leaves it at that.
void KafkaGroup::State::DoubtThatNothingIsGiven() {
  doubting_ = true;
  doubt_after_ = std::min(2 * doubt_after_, kDoubtAfterMax);
  doubt_at_ = SteadyClock::now() + doubt_after_;
  worker.Do([this, token = calls.Enter()] {
    loop.Post([this, token, group = FetchGroup()] {
      doubting_ = false;
      const bool still = !over_ && !stopping_ && given_.has_value() && given_->empty();
      if (!still || !group.ok() || !group->stable || !group->owners.empty()) return;
      EPIGRID_LOG_INFO("assignment.joined_again", {"group", Safe(options_.group)},
                       {"why", Safe("nobody in it was given a shard")});
      (void)Subscribe();  // asked again later
    });
  });
}

void KafkaGroup::State::OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t what,
                                    rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  auto* const state = static_cast<State*>(opaque);
  if (!state->over_) return state->Rebalance(what, *partitions);
  rd_kafka_assign(client, nullptr);  // on the worker's thread, which closes the client
}

void KafkaGroup::State::Rebalance(rd_kafka_resp_err_t what,
                                  const rd_kafka_topic_partition_list_t& partitions) {
  const bool lost = rd_kafka_assignment_lost(client_.get()) != 0;
  if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    // The client itself shall fetch nothing.
    const KafkaPartitions none = NewKafkaPartitions(0);
    rd_kafka_assign(client_.get(), none.get());
    given_.emplace();
    for (int i = 0; i < partitions.cnt; ++i) {
      given_->insert(static_cast<Shard>(partitions.elems[i].partition));
    }
    if (!given_->empty()) doubt_after_ = kDoubtAfterMin;
    doubt_at_ = SteadyClock::now() + doubt_after_;
    return Pursue();
  }
  rd_kafka_assign(client_.get(), nullptr);
  given_.reset();
  deciding_since_ = SteadyClock::now();
  if (!lost) return;
  for (auto& [shard, held] : held_) {
    if (held.phase == Phase::kHeld) Revoke(shard, held, Revocation::kLeaseLost);
  }
}

// Brings what the owner works on to what was given.
void KafkaGroup::State::Pursue() {
  if (stopping_ || !given_.has_value()) return;
  for (auto& [shard, held] : held_) {
    if (held.phase == Phase::kHeld && !given_->contains(shard)) {
      Revoke(shard, held, Revocation::kHandover);
    }
  }
  for (const Shard shard : *given_) {
    // One that is still being ended is begun again after its end.
    if (held_.try_emplace(shard).second) owner_->OnAssigned(shard);
  }
}

void KafkaGroup::State::Revoke(Shard shard, Held& held, Revocation why) {
  held.phase = Phase::kRevoked;
  held.owner_stops = AwaitOwner(weak_from_this(), shard, owner_->OnRevoked(shard, why));
  held.owner_stops.Start();
}

Task<void> KafkaGroup::State::AwaitOwner(std::weak_ptr<State> weak, Shard shard,
                                         Future<Done> stopped) {
  co_await stopped;
  const std::shared_ptr<State> state = weak.lock();
  if (state == nullptr) co_return;
  // Posted: it ends this very coroutine.
  state->loop.Post([weak, shard] {
    const std::shared_ptr<State> alive = weak.lock();
    if (alive == nullptr || alive->over_) return;
    alive->held_.erase(shard);
    alive->Pursue();
    alive->LeaveIfDone();
  });
}

void KafkaGroup::State::Stop(Promise<Done> stopped) {
  if (owner_ == nullptr || over_) {
    stopping_ = true;
    return stopped.Set(Done{});
  }
  stops_.push_back(std::move(stopped));
  if (std::exchange(stopping_, true)) return;
  for (auto& [shard, held] : held_) {
    if (held.phase == Phase::kHeld) Revoke(shard, held, Revocation::kHandover);
  }
  LeaveIfDone();
}

// The brokers give the shards to others as soon as they hear of it.
void KafkaGroup::State::LeaveIfDone() {
  if (!stopping_ || over_ || !held_.empty()) return;
  over_ = true;
  timer_.reset();
  worker.Do([this, token = calls.Enter()] {
    if (client_ != nullptr) rd_kafka_consumer_close(client_.get());
    client_.reset();
    loop.Post([this, token] {
      for (const Promise<Done>& promise : std::exchange(stops_, {})) promise.Set(Done{});
    });
  });
}

void KafkaGroup::State::Abandon() {
  over_ = true;
  timer_.reset();
  held_.clear();
  for (const Promise<Done>& promise : std::exchange(stops_, {})) promise.Set(Done{});
}

Result<KafkaGroup::State::Group> KafkaGroup::State::FetchGroup() {
  if (asker_ == nullptr) {
    auto client = NewKafkaClient(RD_KAFKA_PRODUCER, options_.kafka, {}, RD_KAFKA_EVENT_NONE);
    if (!client.ok()) return client.status();
    asker_ = std::move(client).value();
  }
  // Not by the newer question of the admin API, which crashes when a coordinator changes.
  const struct rd_kafka_group_list* raw = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_list_groups(asker_.get(), options_.group.c_str(), &raw,
                                                         KafkaMillis(kOwnersDeadline));
  const Groups groups(raw);
  // Every broker is asked, and one of them knows.
  const bool known = error == RD_KAFKA_RESP_ERR_NO_ERROR ||
                     (error == RD_KAFKA_RESP_ERR__PARTIAL && groups->group_cnt == 1);
  if (!known) return AssignmentUnavailable(KafkaErrorText(error));
  Group found;
  for (int g = 0; g < groups->group_cnt; ++g) {
    const rd_kafka_group_info& group = groups->groups[g];
    found.stable = group.state == std::string_view("Stable");
    for (int m = 0; m < group.member_cnt; ++m) {
      const rd_kafka_group_member_info& member = group.members[m];
      const std::string_view bytes(static_cast<const char*>(member.member_assignment),
                                   static_cast<size_t>(std::max(0, member.member_assignment_size)));
      if (bytes.empty()) continue;  // the brokers are deciding
      const auto shards = AssignmentBytes(bytes).PartitionsOf(options_.topic);
      if (!shards.has_value()) return AssignmentUnavailable("a member's assignment is unreadable");
      for (const Shard shard : *shards) found.owners[shard] = member.client_id;
    }
  }
  return found;
}

KafkaGroup::KafkaGroup(EventLoop& loop, KafkaGroupOptions options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

KafkaGroup::~KafkaGroup() {
  state_->loop.RunOnLoop([this] { state_->Abandon(); });
  state_->calls.WaitForNone();
}

void KafkaGroup::Start(ShardOwner* owner) {
  state_->loop.Post([state = state_, owner] { state->Start(owner); });
}

Future<Done> KafkaGroup::Stop() {
  Promise<Done> stopped;
  Future<Done> future = stopped.future();
  state_->loop.Post([state = state_, stopped] { state->Stop(stopped); });
  return future;
}

Future<Result<std::map<Shard, std::string>>> KafkaGroup::Owners() {
  Promise<Result<std::map<Shard, std::string>>> promise;
  auto future = promise.future();
  state_->worker.Do([state = state_.get(), token = state_->calls.Enter(), promise] {
    state->loop.Post([token, promise, group = state->FetchGroup()]() mutable {
      if (!group.ok()) return promise.Set(group.status());
      promise.Set(std::move(group->owners));
    });
  });
  return future;
}

}  // namespace epigrid
