#include "common/redis/client.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <limits>
#include <mutex>
#include <utility>

#include "common/base/loop_timer.h"
#include "common/redis/link.h"

namespace epigrid {
namespace {

using Arguments = std::vector<std::string>;
using Outcome = Promise<Result<Reply>>;

constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
// How late a deadline may be noticed, so that a queue full of different ones is not searched all
// the time.
constexpr uint64_t kDeadlineGrainNs = 2'000'000;

// As a distance that can be added to a time without overflow.
uint64_t ToNs(Duration duration) {
  constexpr Duration kLongest = std::chrono::hours(24 * 365);
  return static_cast<uint64_t>(std::clamp(duration, Duration(0), kLongest).count()) * 1000;
}

// A command that has not been written.
struct Command {
  Arguments arguments;
  std::shared_ptr<const Arguments> shared;  // instead of arguments, if set
  bool asking;                              // ASKING goes out right before it
  Outcome outcome;
  uint64_t send_by_ns;   // it fails if it has not been written by then
  uint64_t deadline_ns;  // of its answer
};

// A command that has been written and not been answered.
struct Sent {
  Outcome outcome;
  uint64_t deadline_ns;
  uint64_t sent_ns;      // of a command without a deadline
  bool expired = false;  // the outcome is set; the answer, should it come, is thrown away
};

Status OutcomeUnknown(const std::string& why) {
  return Unavailable("REDIS_OUTCOME_UNKNOWN", why + "; the command may have been carried out");
}

}  // namespace

// Commands go from `incoming_` (any thread) to `unsent_` while there is no connection, or straight
// to `sent_`, in the order of the calls. While the link is ready, `unsent_` is empty.
class RedisClient::Connection final : public std::enable_shared_from_this<Connection>,
                                      public RedisLink::Listener {
 public:
  Connection(EventLoop& loop, RedisOptions options) : loop_(loop), options_(std::move(options)) {}

  Future<Result<Reply>> Call(Arguments arguments, std::shared_ptr<const Arguments> shared,
                             Duration deadline, bool asking = false);
  void Close();
  const RedisOptions& options() const { return options_; }
  uint64_t connections() const { return connections_.load(); }

 private:
  void TakeIncoming();
  void Submit(Command command);
  void Send(Command command);
  void Fail(std::vector<Outcome> outcomes, const Status& status);
  Status NotSent() const;

  uint64_t GiveUpAt() const;
  void WatchDeadline(uint64_t deadline_ns);
  void OnDeadline();
  // All answers have been read that came up to then.
  void OnPassed(uint64_t passed_ns);
  void ExpireUnsent(uint64_t now_ns, uint64_t& next_ns);
  void ExpireSent(uint64_t now_ns, uint64_t& next_ns);

  void OnReady() override;
  void OnReply(Reply reply) override;
  void OnLinkLost() override;

  EventLoop& loop_;
  const RedisOptions options_;
  std::atomic<size_t> unanswered_ = 0;
  std::atomic<uint64_t> connections_ = 0;

  std::mutex mutex_;
  std::vector<Command> incoming_;  // guarded by mutex_
  bool closed_ = false;            // guarded by mutex_

  // The loop's thread only.
  std::vector<Command> taken_;
  std::deque<Command> unsent_;
  std::deque<Sent> sent_;
  std::unique_ptr<RedisLink> link_;       // made on first use
  std::unique_ptr<LoopTimer> deadlines_;  // with it
  uint64_t watched_ns_ = kNever;          // when deadlines_ is due: no later than any deadline
  uint64_t last_reply_ns_ = 0;
};

Future<Result<Reply>> RedisClient::Connection::Call(Arguments arguments,
                                                    std::shared_ptr<const Arguments> shared,
                                                    Duration deadline, bool asking) {
  if (unanswered_.fetch_add(1, std::memory_order_relaxed) >= options_.queue_max) {
    unanswered_.fetch_sub(1, std::memory_order_relaxed);
    return Ready(Result<Reply>(ResourceExhausted(
        "REDIS_QUEUE_FULL", "Redis does not keep up: too many commands await an answer")));
  }
  const uint64_t now_ns = uv_hrtime();
  const bool until_answered = deadline == kUntilAnswered;
  const Duration send_within =
      std::min(until_answered ? options_.deadline : deadline, options_.send_within);
  Command command{std::move(arguments),
                  std::move(shared),
                  asking,
                  Outcome(),
                  now_ns + ToNs(send_within),
                  until_answered ? kNever : now_ns + ToNs(deadline)};
  Future<Result<Reply>> answer = command.outcome.future();
  bool wake_up = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_) {
      return Ready(Result<Reply>(Unavailable("REDIS_NOT_SENT", "the Redis client is closed")));
    }
    wake_up = incoming_.empty();
    incoming_.push_back(std::move(command));
  }
  if (loop_.OnLoopThread()) {
    TakeIncoming();
  } else if (wake_up) {
    loop_.Post([self = shared_from_this()] { self->TakeIncoming(); });
  }
  return answer;
}

void RedisClient::Connection::TakeIncoming() {
  {
    std::lock_guard lock(mutex_);
    taken_.swap(incoming_);
  }
  for (Command& command : taken_) Submit(std::move(command));
  taken_.clear();
}

void RedisClient::Connection::Submit(Command command) {
  if (link_ == nullptr) {
    deadlines_ = std::make_unique<LoopTimer>(loop_, [this] { OnDeadline(); });
    link_ = std::make_unique<RedisLink>(loop_, options_, *this);
  }
  if (link_->ready()) {
    Send(std::move(command));
  } else {
    WatchDeadline(command.send_by_ns);
    unsent_.push_back(std::move(command));
  }
}

void RedisClient::Connection::Send(Command command) {
  if (command.asking) {
    // Its answer says nothing: the command's own does.
    link_->Write({"ASKING"});
    unanswered_.fetch_add(1, std::memory_order_relaxed);
    sent_.push_back({Outcome(), uv_hrtime() + ToNs(options_.deadline), 0, /*expired=*/true});
  }
  link_->Write(command.shared != nullptr ? *command.shared : command.arguments);
  uint64_t sent_ns = 0;
  if (command.deadline_ns == kNever) {
    sent_ns = uv_hrtime();
    WatchDeadline(sent_ns + ToNs(options_.deadline));
  } else {
    WatchDeadline(command.deadline_ns);
  }
  sent_.push_back({std::move(command.outcome), command.deadline_ns, sent_ns});
}

void RedisClient::Connection::OnReady() {
  last_reply_ns_ = uv_hrtime();
  connections_.fetch_add(1);
  for (Command& command : unsent_) Send(std::move(command));
  unsent_.clear();
}

void RedisClient::Connection::OnReply(Reply reply) {
  if (sent_.empty()) return link_->Drop("an answer to no command: " + reply.text);
  last_reply_ns_ = uv_now(loop_.uv()) * 1'000'000;  // of this turn of the loop
  Sent sent = std::move(sent_.front());
  sent_.pop_front();
  unanswered_.fetch_sub(1, std::memory_order_relaxed);
  if (!sent.expired) sent.outcome.Set(std::move(reply));
}

void RedisClient::Connection::OnLinkLost() {
  std::vector<Outcome> outcomes;
  for (Sent& sent : sent_) {
    if (!sent.expired) outcomes.push_back(std::move(sent.outcome));
  }
  unanswered_.fetch_sub(sent_.size(), std::memory_order_relaxed);
  sent_.clear();
  Fail(std::move(outcomes), OutcomeUnknown("the connection to Redis at " + options_.Where() +
                                           " was lost: " + link_->trouble()));
}

// Last in every function that calls it: who is resumed may call anything.
void RedisClient::Connection::Fail(std::vector<Outcome> outcomes, const Status& status) {
  for (const Outcome& outcome : outcomes) outcome.Set(status);
}

Status RedisClient::Connection::NotSent() const {
  return Unavailable("REDIS_NOT_SENT", "no connection to Redis at " + options_.Where() +
                                           (link_ == nullptr ? "" : " (" + link_->trouble() + ")"));
}

// A server that is silent for so long after it should have answered is not only slow: the
// connection is dropped, or it might be waited on for as long as TCP hopes for it.
uint64_t RedisClient::Connection::GiveUpAt() const {
  if (sent_.empty()) return kNever;
  const Sent& first = sent_.front();
  if (!first.expired && first.deadline_ns != kNever) return kNever;
  const uint64_t since_ns = first.expired ? first.deadline_ns : first.sent_ns;
  return std::max(since_ns, last_reply_ns_) + ToNs(options_.deadline);
}

void RedisClient::Connection::WatchDeadline(uint64_t deadline_ns) {
  if (deadline_ns >= watched_ns_) return;
  watched_ns_ = deadline_ns;
  const uint64_t now_ns = uv_hrtime();
  const uint64_t wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
  deadlines_->Start(Duration(static_cast<int64_t>((wait_ns + 999) / 1000)));
}

void RedisClient::Connection::OnDeadline() {
  watched_ns_ = kNever;
  // libuv runs timers before it reads sockets, so that after a long turn answers wait that came in
  // time. What is posted by what is posted runs after one more reading of all of them.
  loop_.Post([weak = weak_from_this(), passed_ns = uv_hrtime()] {
    const std::shared_ptr<Connection> self = weak.lock();
    if (self == nullptr) return;
    self->loop_.Post([weak, passed_ns] {
      const std::shared_ptr<Connection> still = weak.lock();
      if (still != nullptr && still->link_ != nullptr) still->OnPassed(passed_ns);
    });
  });
}

void RedisClient::Connection::OnPassed(uint64_t passed_ns) {
  if (passed_ns >= GiveUpAt()) link_->Drop("the server does not answer");
  uint64_t next_ns = kNever;
  ExpireUnsent(passed_ns, next_ns);
  ExpireSent(passed_ns, next_ns);
  next_ns = std::min(next_ns, GiveUpAt());
  if (next_ns != kNever) WatchDeadline(std::max(next_ns, uv_hrtime() + kDeadlineGrainNs));
}

void RedisClient::Connection::ExpireUnsent(uint64_t now_ns, uint64_t& next_ns) {
  std::vector<Outcome> outcomes;
  std::erase_if(unsent_, [&](Command& command) {
    if (command.send_by_ns > now_ns) {
      next_ns = std::min(next_ns, command.send_by_ns);
      return false;
    }
    outcomes.push_back(command.outcome);
    return true;
  });
  unanswered_.fetch_sub(outcomes.size(), std::memory_order_relaxed);
  Fail(std::move(outcomes), NotSent());
}

void RedisClient::Connection::ExpireSent(uint64_t now_ns, uint64_t& next_ns) {
  std::vector<Outcome> outcomes;
  for (Sent& sent : sent_) {
    if (sent.expired) continue;
    if (sent.deadline_ns > now_ns) {
      next_ns = std::min(next_ns, sent.deadline_ns);
    } else {
      sent.expired = true;
      outcomes.push_back(sent.outcome);
    }
  }
  Fail(std::move(outcomes), OutcomeUnknown("Redis did not answer before the deadline"));
}

void RedisClient::Connection::Close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  TakeIncoming();
  link_.reset();
  deadlines_.reset();
  std::vector<Outcome> unsent;
  for (Command& command : unsent_) unsent.push_back(std::move(command.outcome));
  unsent_.clear();
  std::vector<Outcome> sent;
  for (Sent& one : sent_) {
    if (!one.expired) sent.push_back(std::move(one.outcome));
  }
  sent_.clear();
  Fail(std::move(unsent), Unavailable("REDIS_NOT_SENT", "the Redis client is closed"));
  Fail(std::move(sent), OutcomeUnknown("the Redis client is closed"));
}

RedisClient::RedisClient(EventLoop& loop, RedisOptions options)
    : loop_(loop), connection_(std::make_shared<Connection>(loop, std::move(options))) {}

RedisClient::~RedisClient() {
  if (loop_.OnLoopThread()) {
    // Not now: what called for it may be called by the connection.
    loop_.Post([connection = connection_] { connection->Close(); });
  } else {
    loop_.RunOnLoop([this] { connection_->Close(); });
  }
}

uint64_t RedisClient::connections() const { return connection_->connections(); }

Future<Result<Reply>> RedisClient::Call(std::vector<std::string> arguments) {
  return connection_->Call(std::move(arguments), nullptr, connection_->options().deadline);
}

Future<Result<Reply>> RedisClient::Call(std::vector<std::string> arguments, Duration deadline) {
  return connection_->Call(std::move(arguments), nullptr, deadline);
}

Future<Result<Reply>> RedisClient::CallShared(
    std::shared_ptr<const std::vector<std::string>> arguments, Duration deadline) {
  return connection_->Call({}, std::move(arguments), deadline);
}

Future<Result<Reply>> RedisClient::CallAsking(
    std::shared_ptr<const std::vector<std::string>> arguments, Duration deadline) {
  return connection_->Call({}, std::move(arguments), deadline, /*asking=*/true);
}

Future<Result<Reply>> RedisClient::Call(std::vector<std::string> arguments, size_t /*key_at*/,
                                        Duration deadline) {
  return connection_->Call(std::move(arguments), nullptr, deadline);
}

Future<Result<Reply>> RedisClient::CallShared(
    std::shared_ptr<const std::vector<std::string>> arguments, size_t /*key_at*/,
    Duration deadline) {
  return connection_->Call({}, std::move(arguments), deadline);
}

Future<Result<std::vector<RedisNode>>> RedisClient::Nodes() {
  return Ready(
      Result<std::vector<RedisNode>>(std::vector<RedisNode>{{connection_->options().Where()}}));
}

Future<Result<Reply>> RedisClient::CallNode(std::string /*name*/,
                                            std::vector<std::string> arguments, Duration deadline) {
  return connection_->Call(std::move(arguments), nullptr, deadline);
}

Future<Result<std::string>> RedisClient::Placement() {
  return Ready(Result<std::string>(std::string()));
}

}  // namespace epigrid
