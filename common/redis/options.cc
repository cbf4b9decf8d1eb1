#include "common/redis/options.h"

#include <fmt/format.h>

#include <charconv>

namespace epigrid {

Result<RedisAddress> RedisAddress::Parse(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  RedisAddress address;
  if (text.starts_with(kUnix) && text.size() > kUnix.size()) {
    address.unix_socket = text.substr(kUnix.size());
    return address;
  }
  const Status malformed =
      InvalidArgument("REDIS_ADDRESS_MALFORMED", "must be host:port, [v6]:port or unix:/path");
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return malformed;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return malformed;
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port == 0) {
    return malformed;
  }
  address.host = host;
  return address;
}

std::string RedisAddress::ToString() const {
  return unix_socket.empty() ? fmt::format("{}:{}", host, port) : unix_socket;
}

std::string RedisOptions::Where() const {
  if (seeds.empty()) return address.ToString();
  std::string where;
  for (const RedisAddress& seed : seeds) {
    if (!where.empty()) where += ',';
    where += seed.ToString();
  }
  return where;
}

}  // namespace epigrid
