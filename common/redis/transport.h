// RedisTransport: one connection to a Redis server, from the look-up of its name to its loss. libuv
// carries the bytes, hiredis knows the protocol. What is written in one turn of the loop goes out
// in one system call.
//
// We do not use hiredis's asynchronous context: it looks names up and therefore waits on the loop's
// thread, its adapter for libuv overlooks errors of poll, and it allocates twice for each command
// and each reply.
//
// Life cycle: made, then Start; destroyed when it is no longer wanted, at the latest after OnLost,
// also from inside the listener's functions. On the loop's thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/redis/options.h"
#include "common/redis/reply.h"

namespace epigrid {

class RedisTransport {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnConnected() = 0;
    virtual void OnReply(Reply reply) = 0;
    // Nothing follows; why is for people.
    virtual void OnLost(const std::string& why) = 0;
  };

  RedisTransport(EventLoop& loop, Listener& listener);
  ~RedisTransport();

  // Of the network addresses that the name stands for, takes that of number `attempt`, modulo their
  // number: who counts its attempts up reaches them all.
  void Start(const RedisAddress& address, uint32_t attempt);
  // Once connected: appends a command to what goes out before the loop waits again.
  void Write(const std::vector<std::string>& arguments);

 private:
  class Socket;
  Socket* socket_;  // frees itself when libuv lets go of it
};

}  // namespace epigrid
