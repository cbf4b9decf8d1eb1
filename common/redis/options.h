// Where a Redis server is, and how to speak to it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace epigrid {

struct RedisAddress {
  // "127.0.0.1:6379", "[::1]:6379" or "unix:/path/of/the.sock"; INVALID_ARGUMENT
  // REDIS_ADDRESS_MALFORMED.
  static Result<RedisAddress> Parse(std::string_view text);

  std::string host = "127.0.0.1";
  uint16_t port = 6379;
  std::string unix_socket;  // instead of host and port, if set
  std::string user;         // for AUTH; empty: the server's default user
  std::string password;     // for AUTH; empty: no AUTH

  // "127.0.0.1:6379" or the path of the socket: for messages and logs.
  std::string ToString() const;
};

struct RedisOptions {
  RedisAddress address;
  // Of a cluster, instead of `address`: some of its nodes, of which any that answers will do.
  std::vector<RedisAddress> seeds;
  Duration deadline = std::chrono::seconds(2);  // of a command whose caller names none
  Duration connect_timeout = std::chrono::seconds(1);
  size_t queue_max = 100'000;  // commands that await an answer
  std::string name;            // CLIENT SETNAME, without blanks; empty: none
  // A command that is not sent within this long fails, though its deadline be later.
  Duration send_within = Duration::max();

  // The address, or the seeds with commas between them: for messages and logs.
  std::string Where() const;
};

}  // namespace epigrid
