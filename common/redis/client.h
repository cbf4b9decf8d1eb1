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
// from any; Futures are set on the loop's thread. The destructor fails what is in flight: before it
// returns, or, on the loop's thread, in a later turn of the loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/redis/keyspace.h"

namespace epigrid {

class RedisClient final : public RedisKeyspace {
 public:
  RedisClient(EventLoop& loop, RedisOptions options);
  ~RedisClient() override;

  EventLoop& loop() override { return loop_; }
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
  // The same right after ASKING, with nothing between the two: for a node of a cluster that a slot
  // is being moved to.
  Future<Result<Reply>> CallAsking(std::shared_ptr<const std::vector<std::string>> arguments,
                                   Duration deadline);

  // As a keyspace: there is one server, and keys stay on it.
  Future<Result<Reply>> Call(std::vector<std::string> arguments, size_t key_at,
                             Duration deadline) override;
  Future<Result<Reply>> CallShared(std::shared_ptr<const std::vector<std::string>> arguments,
                                   size_t key_at, Duration deadline) override;
  Future<Result<std::vector<RedisNode>>> Nodes() override;
  Future<Result<Reply>> CallNode(std::string name, std::vector<std::string> arguments,
                                 Duration deadline) override;
  Future<Result<std::string>> Placement() override;

 private:
  class Connection;
  EventLoop& loop_;
  std::shared_ptr<Connection> connection_;
};

// A server-side script, called by its SHA-1 and loaded when the server does not know it. `keys` are
// declared to Redis, and there is at least one.
class RedisScript {
 public:
  explicit RedisScript(std::string source);
  // The script must live until the Task has ended. Errors are those of the keyspace's Call.
  Task<Result<Reply>> Call(RedisKeyspace& redis, std::vector<std::string> keys,
                           std::vector<std::string> arguments, Duration deadline) const;
  // The same in two steps, for who may have to make the same call again.
  using Command = std::shared_ptr<const std::vector<std::string>>;
  Command MakeCommand(std::vector<std::string> keys, std::vector<std::string> arguments) const;
  Task<Result<Reply>> Call(RedisKeyspace& redis, Command command, Duration deadline) const;

 private:
  std::string source_;
  std::string sha1_;
};

// Listens to channels on a connection of its own; subscribes again after a reconnect. Of a cluster
// (options.seeds) any node will do, since each hears all: it goes on to another when one is lost.
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
