// RedisClient: one pipelined, asynchronous connection to one Redis server.
//
//   Result<Reply> reply = co_await redis.Call({"HGET", key, field});
//
// Commands of all threads go out in the order in which they were called, many to a system call, and
// are answered in that order. The connection is made on first use and made again, with back-off,
// when it is lost; a server that accepts connections but is still loading its data counts as not
// connected, and so does one that has answered nothing for a `deadline` beyond a command's own (or,
// for a command with kUntilAnswered, nothing at all for a `deadline`). A deadline passes only after
// the loop has had a turn to read what had come by then: a busy loop is no slow server.
//
// Errors of Call, as a Status:
//   UNAVAILABLE REDIS_NOT_SENT           not connected before the deadline (with kUntilAnswered, for
//                                        a `deadline`); the server has not seen the command
//   UNAVAILABLE REDIS_OUTCOME_UNKNOWN    the connection was lost, or the deadline passed, with the
//                                        command on its way
//   RESOURCE_EXHAUSTED REDIS_QUEUE_FULL  more than `queue_max` commands await an answer
// An error that the server answered (-ERR, -OOM, -NOSCRIPT) is a Reply of type kError, not a
// Status.
//
// A late answer to a command whose deadline has passed is thrown away. Threads: Call may be called
// from any; Futures are set on the loop's thread. The destructor fails what is in flight and must
// run on another thread than the loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/event_loop.h"
#include "common/base/status.h"
#include "common/base/task.h"
#include "common/redis/options.h"
#include "common/redis/reply.h"

namespace epigrid {

// A deadline that never passes for a command that was sent: it fails only with its connection. One
// that cannot be sent fails after options.deadline, so that who calls hears of an outage.
inline constexpr Duration kUntilAnswered = Duration::max();

class RedisClient {
 public:
  RedisClient(EventLoop& loop, RedisOptions options);
  ~RedisClient();

  EventLoop& loop() { return loop_; }
  // How often it was connected. An answer after another number is by a server that may have been
  // restarted meanwhile; CLIENT ID does not tell: a new server counts from 1 again.
  uint64_t connections() const;

  Future<Result<Reply>> Call(std::vector<std::string> arguments);
  // With a deadline of its own, counted from now; a blocking command (XREAD BLOCK) needs one beyond
  // its block time and a connection of its own.
  Future<Result<Reply>> Call(std::vector<std::string> arguments, Duration deadline);
  // The same for arguments that the caller wants to keep, without a copy.
  Future<Result<Reply>> CallShared(std::shared_ptr<const std::vector<std::string>> arguments,
                                   Duration deadline);

 private:
  class Connection;
  EventLoop& loop_;
  std::shared_ptr<Connection> connection_;
};

// A server-side script, called by its SHA-1 and loaded when the server does not know it. `keys` are
// declared to Redis.
class RedisScript {
 public:
  explicit RedisScript(std::string source);
  // The script must live until the Task has ended. Errors are those of RedisClient::Call.
  Task<Result<Reply>> Call(RedisClient& redis, std::vector<std::string> keys,
                           std::vector<std::string> arguments, Duration deadline) const;
  // The same in two steps, for who may have to make the same call again.
  using Command = std::shared_ptr<const std::vector<std::string>>;
  Command MakeCommand(std::vector<std::string> keys, std::vector<std::string> arguments) const;
  Task<Result<Reply>> Call(RedisClient& redis, Command command, Duration deadline) const;

 private:
  std::string source_;
  std::string sha1_;
};

// Listens to channels on a connection of its own; subscribes again after a reconnect.
// `on_message(channel, message)` runs on the loop's thread. Messages sent while the connection is
// down are lost: callers poll as well. A server that does not answer a PING, sent every
// `options.deadline`, counts as lost. Made and destroyed on another thread than the loop's, and not
// from on_message.
class RedisSubscriber {
 public:
  RedisSubscriber(EventLoop& loop, RedisOptions options, std::vector<std::string> channels,
                  std::function<void(std::string_view, std::string_view)> on_message);
  ~RedisSubscriber();

 private:
  class Connection;
  EventLoop& loop_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace epigrid
