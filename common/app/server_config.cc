#include "common/app/server_config.h"

#include <fmt/format.h>

#include <charconv>

namespace epigrid {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

bool IsPort(std::string_view text) {
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port <= 65535;
}

// "host:port", "[v6]:port", "unix:/path" or "unix-abstract:name".
bool IsAddress(std::string_view text) {
  if (text.starts_with("unix:") || text.starts_with("unix-abstract:")) return !text.ends_with(':');
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !IsPort(text.substr(colon + 1))) return false;
  const std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) return host.size() > 2 && host.ends_with(']');
  return !host.empty() && host.find_first_of(":/ ") == std::string_view::npos;
}

}  // namespace

void ServerConfig::AddTo(ConfigSpec& spec) {
  spec.Add(&listen, "server.listen",
           "host:port (or unix:/path) to serve gRPC on; port 0: any that is free")
      .Required();
  spec.Add(&insecure_listen, "server.insecure_listen",
           "allows to listen beyond loopback without TLS or callers")
      .Flag("--insecure-listen");
  spec.Add(&tls_certificate, "server.tls_certificate",
           "PEM file with the server's certificate and its chain");
  spec.Add(&tls_key, "server.tls_key", "PEM file with the certificate's key");
  spec.Add(&tls_client_ca, "server.tls_client_ca",
           "PEM file with who signs the certificates of clients");
  spec.Add(&callers, "server.callers",
           "YAML file of the callers; without it everyone is an operator");
  spec.Add(&drain_delay, "server.drain_delay",
           "how long to serve on after SIGTERM, until no balancer sends here")
      .Range(Duration(0), minutes(5));
  spec.Add(&drain_deadline, "server.drain_deadline",
           "how long calls in flight may take to finish after that")
      .Range(Duration(0), minutes(10));
  spec.Add(&pipeline.message_bytes_max, "server.message_bytes_max", "largest request, in bytes")
      .Range(1 << 10, 64 << 20);
  spec.Add(&pipeline.default_deadline, "server.default_deadline",
           "deadline of a call whose client sets none")
      .Range(milliseconds(1), hours(1));
  spec.Add(&pipeline.deadline_max, "server.deadline_max",
           "a client's deadline is brought down to this")
      .Range(milliseconds(1), hours(1));
  spec.Add(&pipeline.retry_after, "server.retry_after",
           "what a caller that is refused for a limit is told to wait")
      .Range(milliseconds(1), minutes(1));
  spec.Add(&pipeline.in_flight_max, "server.in_flight_max", "calls in flight; operators are exempt")
      .Range(1, 1 << 20);
  constexpr std::array<const char*, kCallerClassCount> kNames = {
      "server.gate_in_flight_max", "server.agency_in_flight_max", "server.resident_in_flight_max",
      "server.bulk_in_flight_max", "server.operator_in_flight_max"};
  for (size_t i = 0; i < kCallerClassCount; ++i) {
    spec.Add(
            &pipeline.class_in_flight_max[i], kNames[i],
            "calls in flight of class " + std::string(CallerClassName(static_cast<CallerClass>(i))))
        .Range(1, 1 << 20);
  }
  spec.Add(&pipeline.access_log_one_in, "server.access_log_one_in",
           "one in so many successful calls is logged; 0: none");
  spec.Add(&admin_listen, "admin.listen",
           "host:port to serve /metrics, /healthz and /configz on; empty: nowhere");
  spec.Add(&admin_insecure_listen, "admin.insecure_listen",
           "allows admin.listen beyond loopback: it has neither TLS nor callers")
      .Flag("--admin-insecure-listen");
  spec.Add(&log_level, "log.level", "least level that is logged")
      .OneOf({"debug", "info", "warn", "error", "off"});

  spec.AddCheck({"server.listen"}, [this]() -> std::string {
    if (IsAddress(listen)) return "";
    return fmt::format(
        "\"{}\" is no address; give host:port, [v6]:port or unix:/path, such as 127.0.0.1:50051",
        listen);
  });
  spec.AddCheck({"admin.listen", "admin.insecure_listen"}, [this]() -> std::string {
    if (admin_insecure_listen || admin_listen.empty() || IsLoopback(admin_listen)) return "";
    return "whoever reaches this port reads metrics and configuration; listen on 127.0.0.1, or, "
           "where only those who may can reach it, say --admin-insecure-listen";
  });
  spec.AddCheck({"server.tls_certificate", "server.tls_key"}, [this]() -> std::string {
    return tls_certificate.empty() == tls_key.empty() ? "" : "give both or neither";
  });
  spec.AddCheck({"server.tls_client_ca", "server.tls_certificate"}, [this]() -> std::string {
    return tls_client_ca.empty() || !tls_certificate.empty()
               ? ""
               : "certificates of clients need one of the server";
  });
  spec.AddCheck({"server.default_deadline", "server.deadline_max"}, [this]() -> std::string {
    return pipeline.default_deadline <= pipeline.deadline_max
               ? ""
               : "the default must not be beyond the maximum";
  });
  spec.AddCheck(
      {"server.listen", "server.tls_certificate", "server.callers", "server.insecure_listen"},
      [this]() -> std::string {
        if (insecure_listen || !IsAddress(listen) || IsLoopback(listen) ||
            (!tls_certificate.empty() && !callers.empty()))
          return "";
        return "beyond loopback TLS and callers are required; give them, listen on 127.0.0.1, or, "
               "where others cannot reach "
               "the port, say --insecure-listen";
      });
}

}  // namespace epigrid
