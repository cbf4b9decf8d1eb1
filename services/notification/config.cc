#include "services/notification/config.h"

#include <fmt/format.h>

#include <cstdlib>

#include "common/config/command_line.h"
#include "common/rpc/loopback.h"

namespace epigrid::notification {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

template <typename Unit>
uint32_t CountOf(Duration duration) {
  return static_cast<uint32_t>(std::chrono::duration_cast<Unit>(duration).count());
}

// The fold counts in this unit: the rest would be left out unsaid.
template <typename Unit>
void AddWholeCheck(ConfigSpec& spec, const Duration& duration, const std::string& setting,
                   std::string_view units) {
  spec.AddCheck({setting}, [&duration, setting, units]() -> std::string {
    if (duration % Unit(1) == Duration(0)) return "";
    return fmt::format("{} must be whole {}", setting, units);
  });
}

}  // namespace

void Config::AddTo(ConfigSpec& spec) {
  spec.Add(&attempt_timeout, "notification.attempt_timeout",
           "an attempt to send that has no result after so long is given up; whole seconds")
      .Range(seconds(5), seconds(600));
  spec.Add(&attempts_max, "notification.attempts_max", "attempts after which a message is given up")
      .Range(1, 1000);
  spec.Add(&backoff_initial, "notification.backoff_initial",
           "pause after the first failure; doubles with each further one")
      .Range(milliseconds(100), minutes(1));
  spec.Add(&backoff_max, "notification.backoff_max", "the longest pause between two attempts")
      .Range(milliseconds(100), hours(1));
  spec.Add(&expire_after, "notification.expire_after",
           "a message that could not be sent for so long is given up; whole hours")
      .Range(hours(1), hours(168));
  spec.Add(&endpoints_file, "notification.endpoints",
           "YAML file of the endpoints that messages may be sent to; empty: there are none");
  spec.Add(&messages_in_hand_max, "notification.messages_in_hand_max",
           "messages that this process works on at once")
      .Range(1, 10'000);
  spec.Add(&webhook_timeout, "notification.webhook_timeout",
           "of a POST, and before it of waiting for a connection")
      .Range(milliseconds(100), minutes(5));
  spec.Add(&webhook_connect_timeout, "notification.webhook_connect_timeout",
           "of making a connection")
      .Range(milliseconds(100), minutes(1));
  spec.Add(&webhook_connections_max, "notification.webhook_connections_max",
           "connections to one endpoint")
      .Range(1, 256);
  spec.Add(&drain_deadline, "notification.drain_deadline",
           "how long sends may take to finish when the process ends")
      .Range(Duration(0), minutes(5));
  spec.Add(&identity_address, "notification.identity_address",
           "host:port of the identity service; empty: this process");
  spec.Add(&identity_certificate, "notification.identity_certificate",
           "PEM file with who signs identity's certificate; empty: no TLS");
  spec.Add(&identity_client_certificate, "notification.identity_client_certificate",
           "PEM file with the certificate, and its chain, by which identity knows this caller");
  spec.Add(&identity_client_key, "notification.identity_client_key",
           "PEM file with the key of that");
  spec.Add(&identity_tls_name, "notification.identity_tls_name",
           "name in identity's certificate; empty: the host of its address");
  spec.Add(&identity_insecure, "notification.identity_insecure",
           "asks an identity that is not on this machine without TLS");
  spec.Add(&identity_token, "notification.identity_token",
           "bearer token for IdentityService/ResolveContactPoints; empty: none");
  spec.Add(&identity_deadline, "notification.identity_deadline", "of a call to identity")
      .Range(milliseconds(100), minutes(1));

  AddWholeCheck<seconds>(spec, attempt_timeout, "notification.attempt_timeout", "seconds");
  AddWholeCheck<hours>(spec, expire_after, "notification.expire_after", "hours");
  AddWholeCheck<milliseconds>(spec, backoff_initial, "notification.backoff_initial",
                              "milliseconds");
  AddWholeCheck<milliseconds>(spec, backoff_max, "notification.backoff_max", "milliseconds");
  spec.AddCheck({"notification.backoff_initial", "notification.backoff_max"},
                [this]() -> std::string {
                  if (backoff_initial <= backoff_max) return "";
                  return "backoff_max must be at least backoff_initial";
                });
  spec.AddCheck(
      {"notification.attempt_timeout", "notification.webhook_timeout"}, [this]() -> std::string {
        if (attempt_timeout >= 3 * webhook_timeout) return "";
        return "attempt_timeout must be at least three times webhook_timeout, which is what "
               "waiting for a connection and the POST may each take: an attempt that is given up "
               "while it is being sent would be sent twice";
      });
  spec.AddCheck({"notification.endpoints"}, [this] { return ReadEndpoints(); });
  spec.AddCheck({"notification.identity_address", "notification.identity_certificate",
                 "notification.identity_insecure"},
                [this]() -> std::string {
                  if (identity_insecure || identity_address.empty() ||
                      IsLoopback(identity_address) || !identity_certificate.empty()) {
                    return "";
                  }
                  return "the token and people's numbers would travel in the clear: give "
                         "notification.identity_certificate or, where nobody can listen in on the "
                         "way, say --notification-identity-insecure";
                });
  spec.AddCheck({"notification.identity_certificate", "notification.identity_client_certificate",
                 "notification.identity_client_key"},
                [this] { return ReadCertificates(); });
}

std::string Config::ReadEndpoints() {
  endpoints.clear();
  if (endpoints_file.empty()) return "";
  const Result<std::string> text = ReadFile(endpoints_file);
  if (!text.ok()) return text.status().message();
  const EndpointSecrets secrets{
      .read_file = ReadFile,
      .environment = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      }};
  ParsedEndpoints parsed = ParseEndpoints(endpoints_file.string(), *text, secrets);
  endpoints = std::move(parsed.endpoints);
  return fmt::format("{}", fmt::join(parsed.errors, "\n"));
}

std::string Config::ReadCertificates() {
  identity_tls.reset();
  if (identity_client_certificate.empty() != identity_client_key.empty()) {
    return "give notification.identity_client_certificate and notification.identity_client_key, or "
           "neither";
  }
  if (identity_certificate.empty()) {
    return identity_client_certificate.empty()
               ? ""
               : "a certificate is shown over TLS alone: give notification.identity_certificate";
  }
  auto files = std::make_shared<TlsFiles>(TlsPaths{.certificate = identity_client_certificate,
                                                   .key = identity_client_key,
                                                   .ca = identity_certificate});
  if (const Status status = files->Load(); !status.ok()) return status.message();
  identity_tls = std::move(files);
  return "";
}

state::v1::SendingConfiguration Config::Sending() const {
  state::v1::SendingConfiguration sending;
  sending.set_attempt_timeout_seconds(CountOf<seconds>(attempt_timeout));
  sending.set_attempts_max(attempts_max);
  sending.set_backoff_initial_ms(CountOf<milliseconds>(backoff_initial));
  sending.set_backoff_max_ms(CountOf<milliseconds>(backoff_max));
  sending.set_expire_after_hours(CountOf<hours>(expire_after));
  return sending;
}

SenderOptions Config::SenderSettings(uint32_t shard_count) const {
  SenderOptions options;
  options.shard_count = shard_count;
  options.in_hand_max = messages_in_hand_max;
  options.send_timeout = 2 * webhook_timeout;  // waits for a connection, and sends
  return options;
}

IdentityOptions Config::Identity() const {
  return {.address = identity_address,
          .tls = identity_tls,
          .tls_name = identity_tls_name,
          .token = identity_token.Reveal(),
          .deadline = identity_deadline};
}

}  // namespace epigrid::notification
