// RedisServer: a real redis-server of a test's own.
//
//   RedisServer server;                                     // a unix socket, nothing persisted
//   RedisClient redis(loop, {.address = server.address()});
//   server.Kill();
//   server.Restart();
//
//   RedisServer log({.config = {"--appendonly", "yes", "--appendfsync", "always"}});
//
// It has a temporary directory of its own, answers when the constructor returns, and is killed with
// the object; also when the thread that made it ends, and so with the test's process, however that
// dies. Failures abort the test with a message. Used by one thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/redis/options.h"
#include "tests/fakes/temporary_directory.h"

namespace epigrid {

class RedisServer {
 public:
  struct Options {
    // More of redis-server's command line: {"--maxmemory", "10mb"}.
    std::vector<std::string> config;
    // On a free TCP port of 127.0.0.1, which Restart keeps, and not on a unix socket.
    bool tcp = false;
    // A node of a cluster, which it forms with others (redis_cluster_server.h); with tcp.
    bool cluster = false;
  };

  RedisServer() : RedisServer(Options{}) {}
  explicit RedisServer(Options options);
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  const RedisAddress& address() const { return address_; }
  // Where the nodes of a cluster speak to each other.
  uint16_t bus_port() const { return bus_port_; }
  // Changes with Restart; -1 while it is killed.
  pid_t pid() const { return pid_; }
  // Where it keeps its files, and redis.log.
  const std::filesystem::path& directory() const { return directory_.path(); }

  // By SIGKILL, as a crash would. What is persisted stays.
  void Kill();
  // Kills it if it runs, and starts it again in the same place; answers when this returns.
  void Restart();
  // The process stands still (connections stay, nobody answers) and goes on.
  void Stop();
  void Continue();

 private:
  void Launch();
  void AwaitAnswer();

  Options options_;
  const TemporaryDirectory directory_;
  RedisAddress address_;
  uint16_t bus_port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace epigrid
