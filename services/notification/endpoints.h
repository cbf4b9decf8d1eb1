// Endpoints: where messages may be sent, as the operator has set it up. A person's contact point
// names one of them.
//
// The file, YAML, is the operator's:
//
//   version: 1
//   endpoints:
//     - name: sms-gateway           # unique; see common/base/endpoint_name.h; it appears in logs
//       and answers channel: webhook            # POST by HTTP, signed as Standard Webhooks asks
//       url: https://sms.city.example/messages secret_file: /run/secrets/sms-gateway    # or
//       secret_env: VARIABLE, or secret: whsec_... allow_plain_http: false     # http beyond this
//       machine only if true: everybody on the way reads it
//     - name: archive
//       channel: file               # one JSON object a line
//       path: /var/lib/epigrid/messages.jsonl
//
// A secret is "whsec_" and the base64 of 24 to 64 random bytes:
//
//   echo whsec_$(openssl rand -base64 32)
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "services/notification/channels/standard_webhook.h"

namespace epigrid::notification {

inline constexpr size_t kEndpointsMax = 256;

struct Endpoint {
  std::string name;
  // Of a webhook, both; of a file, neither.
  std::string url;
  std::optional<WebhookSecret> secret;
  // Of a file.
  std::filesystem::path path;

  bool is_webhook() const { return secret.has_value(); }
};

// Where secrets that do not stand in the file come from.
struct EndpointSecrets {
  std::function<Result<std::string>(const std::filesystem::path&)> read_file;
  // nullopt: there is no such variable.
  std::function<std::optional<std::string>(const std::string&)> environment;
};

// All errors at once, each with "file_name:line"; no error shows a secret. With any there are no
// endpoints.
struct ParsedEndpoints {
  std::vector<Endpoint> endpoints;
  std::vector<std::string> errors;
};
ParsedEndpoints ParseEndpoints(std::string_view file_name, const std::string& text,
                               const EndpointSecrets& secrets);

}  // namespace epigrid::notification
