#include "common/redis/link.h"

#include <algorithm>
#include <utility>

namespace epigrid {
namespace {

constexpr Duration kFirstDelay = std::chrono::milliseconds(10);
constexpr Duration kDelayMax = std::chrono::seconds(1);
constexpr int kDoublingsMax = 7;  // 10 ms × 2^7 is beyond the greatest delay

}  // namespace

RedisLink::RedisLink(EventLoop& loop, RedisOptions options, Listener& listener)
    : loop_(loop),
      options_(std::move(options)),
      listener_(listener),
      jitter_(std::random_device()()),
      timer_(loop, [this] { OnTimer(); }) {
  // Not all clients of a cluster by the same node.
  if (!options_.seeds.empty()) attempt_ = static_cast<uint32_t>(jitter_() % options_.seeds.size());
  Connect();
}

const RedisAddress& RedisLink::address() const {
  return options_.seeds.empty() ? options_.address
                                : options_.seeds[attempt_ % options_.seeds.size()];
}

void RedisLink::Connect() {
  transport_ = std::make_unique<RedisTransport>(loop_, *this);
  timer_.Start(options_.connect_timeout);
  const auto seeds = static_cast<uint32_t>(std::max<size_t>(options_.seeds.size(), 1));
  transport_->Start(address(), attempt_ / seeds);
}

void RedisLink::OnTimer() {
  if (transport_ == nullptr) return Connect();
  OnLost("no connection within the time-out");
}

void RedisLink::OnConnected() {
  const RedisAddress& with = address();
  const auto greet = [this](std::vector<std::string> command) {
    transport_->Write(command);
    greeting_.push_back(command.front());
  };
  greeting_.clear();
  if (!with.password.empty()) {
    greet(with.user.empty() ? std::vector<std::string>{"AUTH", with.password}
                            : std::vector<std::string>{"AUTH", with.user, with.password});
  }
  if (!options_.name.empty()) greet({"CLIENT", "SETNAME", options_.name});
  greet({"PING"});  // refused while the server loads its data
}

void RedisLink::OnReply(Reply reply) {
  if (ready_) return listener_.OnReply(std::move(reply));
  if (greeting_.empty()) return OnLost("the server spoke first: " + reply.text);
  if (reply.is_error()) return OnLost(greeting_.front() + " was refused: " + reply.text);
  greeting_.erase(greeting_.begin());
  if (!greeting_.empty()) return;
  timer_.Cancel();
  ready_ = true;
  ready_since_ns_ = uv_hrtime();
  listener_.OnReady();
}

void RedisLink::OnLost(const std::string& why) {
  trouble_ = why;
  ++attempt_;
  transport_.reset();
  timer_.Start(NextDelay());
  if (std::exchange(ready_, false)) listener_.OnLinkLost();
}

Duration RedisLink::NextDelay() {
  // Only a connection that has lasted shows that the trouble is over.
  const auto lasted = std::chrono::nanoseconds(ready_ ? uv_hrtime() - ready_since_ns_ : 0);
  if (lasted >= kDelayMax) failures_ = 0;
  const Duration longest = std::min(kFirstDelay * (1 << failures_), kDelayMax);
  failures_ = std::min(failures_ + 1, kDoublingsMax);
  return Duration(
      std::uniform_int_distribution<int64_t>(longest.count() / 2, longest.count())(jitter_));
}

void RedisLink::Write(const std::vector<std::string>& arguments) {
  EPIGRID_CHECK(ready_, "commands are written to a connection that is ready");
  transport_->Write(arguments);
}

void RedisLink::Drop(const std::string& why) { OnLost(why); }

}  // namespace epigrid
