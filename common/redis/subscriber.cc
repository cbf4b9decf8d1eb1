#include <utility>

#include "common/base/loop_timer.h"
#include "common/redis/client.h"
#include "common/redis/link.h"

namespace epigrid {

// On the loop's thread only.
class RedisSubscriber::Connection final : public RedisLink::Listener {
 public:
  Connection(EventLoop& loop, RedisOptions options, std::vector<std::string> channels,
             std::function<void(std::string_view, std::string_view)> on_message)
      : heartbeat_interval_(options.deadline),
        subscribe_(std::move(channels)),
        on_message_(std::move(on_message)),
        heartbeat_(loop, [this] { Heartbeat(); }),
        link_(loop, std::move(options), *this) {
    subscribe_.insert(subscribe_.begin(), "SUBSCRIBE");
  }

 private:
  void OnReady() override {
    link_.Write(subscribe_);
    heard_ = true;
    heartbeat_.Start(heartbeat_interval_);
  }

  void OnReply(Reply reply) override {
    heard_ = true;
    if (reply.is_error()) return link_.Drop("SUBSCRIBE was refused: " + reply.text);
    // The others confirm SUBSCRIBE or answer PING.
    const std::vector<Reply>& parts = reply.elements;
    if (parts.size() == 3 && parts[0].text == "message") on_message_(parts[1].text, parts[2].text);
  }

  void OnLinkLost() override { heartbeat_.Cancel(); }

  // Who only listens would never notice that the server is gone: it is asked for a sign of life.
  void Heartbeat() {
    if (!std::exchange(heard_, false)) return link_.Drop("the server does not answer");
    link_.Write({"PING"});
    heartbeat_.Start(heartbeat_interval_);
  }

  const Duration heartbeat_interval_;
  std::vector<std::string> subscribe_;
  const std::function<void(std::string_view, std::string_view)> on_message_;
  bool heard_ = false;  // since the last heartbeat
  LoopTimer heartbeat_;
  RedisLink link_;  // last: it calls the rest
};

RedisSubscriber::RedisSubscriber(EventLoop& loop, RedisOptions options,
                                 std::vector<std::string> channels,
                                 std::function<void(std::string_view, std::string_view)> on_message)
    : loop_(loop) {
  EPIGRID_CHECK(!channels.empty(), "a RedisSubscriber needs a channel");
  loop_.RunOnLoop([&] {
    connection_ = std::make_unique<Connection>(loop, std::move(options), std::move(channels),
                                               std::move(on_message));
  });
}

RedisSubscriber::~RedisSubscriber() {
  loop_.RunOnLoop([this] { connection_.reset(); });
}

}  // namespace epigrid
