#include "common/app/admin_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <microhttpd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdarg>
#include <cstring>
#include <optional>
#include <string_view>

#include "common/log/log.h"

namespace epigrid {
namespace {

constexpr unsigned kConnectionsMax = 64;
constexpr unsigned kConnectionTimeoutSeconds = 10;
constexpr char kPlainText[] = "text/plain; charset=utf-8";

struct Page {
  unsigned status = MHD_HTTP_OK;
  std::string body;
  const char* content_type = kPlainText;
};

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

// "127.0.0.1:80" or "[::1]:80".
std::optional<Address> ParseAddress(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  uint16_t port = 0;
  const char* end = listen.data() + listen.size();
  auto [parsed, error] = std::from_chars(listen.data() + colon + 1, end, port);
  if (error != std::errc() || parsed != end) return std::nullopt;
  std::string host = listen.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  Address address{};
  if (host.starts_with('[') && host.ends_with(']')) {
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(port);
    if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address.v6.sin6_addr) != 1)
      return std::nullopt;
  } else {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(port);
    if (inet_pton(AF_INET, host.c_str(), &address.v4.sin_addr) != 1) return std::nullopt;
  }
  return address;
}

bool IsOfThisMachine(MHD_Connection* connection) {
  const MHD_ConnectionInfo* info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (info == nullptr || info->client_addr == nullptr) return false;
  if (info->client_addr->sa_family == AF_INET) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(info->client_addr);
    return ntohl(address->sin_addr.s_addr) >> 24 == 127;
  }
  const auto* address = reinterpret_cast<const sockaddr_in6*>(info->client_addr);
  return IN6_IS_ADDR_LOOPBACK(&address->sin6_addr);
}

void LogMessage(void*, const char* format, va_list arguments) {
  std::array<char, 512> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  EPIGRID_LOG_WARN("admin.http", {"message", Redacted(text.data())});
}

}  // namespace

struct AdminServer::Impl {
  AdminPages pages;
  MHD_Daemon* daemon = nullptr;

  ~Impl() {
    if (daemon != nullptr) MHD_stop_daemon(daemon);
  }

  Page Make(MHD_Connection* connection, std::string_view method, std::string_view path) const {
    if (method != MHD_HTTP_METHOD_GET && method != MHD_HTTP_METHOD_HEAD) {
      return {MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is served here\n"};
    }
    if (path == "/metrics")
      return {MHD_HTTP_OK, pages.metrics(), "text/plain; version=0.0.4; charset=utf-8"};
    if (path == "/healthz/live") return {MHD_HTTP_OK, "live\n"};
    if (path == "/healthz/ready") return {pages.ready() ? 200U : 503U, pages.readiness()};
    if (path == "/configz") {
      if (!IsOfThisMachine(connection))
        return {MHD_HTTP_FORBIDDEN, "the configuration is shown on this machine only\n"};
      return {MHD_HTTP_OK, pages.config()};
    }
    return {MHD_HTTP_NOT_FOUND, "there are /metrics, /healthz/live, /healthz/ready and /configz\n"};
  }

  static MHD_Result Handle(void* self, MHD_Connection* connection, const char* url,
                           const char* method, const char*, const char*, size_t* upload_size,
                           void** state) {
    // Called first for the headers, then for what is uploaded, which is thrown away, then to
    // answer.
    static char seen;
    if (*state == nullptr) {
      *state = &seen;
      return MHD_YES;
    }
    if (*upload_size > 0) {
      *upload_size = 0;
      return MHD_YES;
    }
    const Page page = static_cast<const Impl*>(self)->Make(connection, method, url);
    MHD_Response* response = MHD_create_response_from_buffer(
        page.body.size(), const_cast<char*>(page.body.data()), MHD_RESPMEM_MUST_COPY);
    if (response == nullptr) return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page.content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    const MHD_Result result = MHD_queue_response(connection, page.status, response);
    MHD_destroy_response(response);
    return result;
  }
};

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminServer::~AdminServer() = default;

Result<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& listen,
                                                        AdminPages pages) {
  const std::optional<Address> address = ParseAddress(listen);
  if (!address) {
    return Unavailable(
        "ADMIN_LISTEN_FAILED",
        fmt::format("\"{}\" is no address; write a number and a port, as in 127.0.0.1:9090",
                    listen));
  }
  auto impl = std::make_unique<Impl>();
  impl->pages = std::move(pages);
  unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_USE_ERROR_LOG;
  if (address->any.sa_family == AF_INET6) flags |= MHD_USE_IPv6;
  impl->daemon = MHD_start_daemon(flags, 0, nullptr, nullptr, &Impl::Handle, impl.get(),     //
                                  MHD_OPTION_EXTERNAL_LOGGER, &LogMessage, nullptr,          //
                                  MHD_OPTION_SOCK_ADDR, &address->any,                       //
                                  MHD_OPTION_CONNECTION_LIMIT, kConnectionsMax,              //
                                  MHD_OPTION_CONNECTION_TIMEOUT, kConnectionTimeoutSeconds,  //
                                  MHD_OPTION_END);
  if (impl->daemon == nullptr) {
    return Unavailable("ADMIN_LISTEN_FAILED",
                       fmt::format("cannot serve HTTP on {}: {}; is the port taken?", listen,
                                   std::strerror(errno)));
  }
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(impl)));
}

uint16_t AdminServer::port() const {
  const MHD_DaemonInfo* info = MHD_get_daemon_info(impl_->daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info == nullptr ? 0 : info->port;
}

}  // namespace epigrid
