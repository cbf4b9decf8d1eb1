// RedisLink: keeps a connection to one Redis server. It connects, greets (AUTH, CLIENT SETNAME,
// PING), tells its listener, and when the connection is lost or cannot be made does so again, after
// 10 ms at first, twice as long each time, at most a second, less up to half by chance so that many
// clients do not return at once. A connection that is refused by the greeting (a wrong password, a
// server that is still loading) counts as not made.
//
// What RedisClient and RedisSubscriber are built on. On the loop's thread only.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/base/loop_timer.h"
#include "common/redis/options.h"
#include "common/redis/transport.h"

namespace epigrid {

class RedisLink final : public RedisTransport::Listener {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnReady() = 0;
    virtual void OnReply(Reply reply) = 0;
    // A connection that was ready is lost; another one will be made.
    virtual void OnLinkLost() = 0;
  };

  // Connects at once.
  RedisLink(EventLoop& loop, RedisOptions options, Listener& listener);

  bool ready() const { return ready_; }
  // Why there is no connection: what became of the last attempt. For people.
  const std::string& trouble() const { return trouble_; }

  // While ready only.
  void Write(const std::vector<std::string>& arguments);
  // Gives the connection up, as if it had been lost.
  void Drop(const std::string& why);

 private:
  void Connect();
  // The address of the attempt under way: the next seed with each, if there are seeds.
  const RedisAddress& address() const;
  void OnTimer();
  Duration NextDelay();

  void OnConnected() override;
  void OnReply(Reply reply) override;
  void OnLost(const std::string& why) override;

  EventLoop& loop_;
  const RedisOptions options_;
  Listener& listener_;
  std::minstd_rand jitter_;
  std::unique_ptr<RedisTransport> transport_;  // nullptr between attempts
  LoopTimer timer_;                            // of the attempt under way, or until the next
  std::vector<std::string> greeting_;          // names of commands whose answers are awaited
  bool ready_ = false;
  uint64_t ready_since_ns_ = 0;
  uint32_t attempt_ = 0;  // the number of the attempt under way
  int failures_ = 0;      // since a connection lasted
  std::string trouble_ = "no attempt has ended yet";
};

}  // namespace epigrid
