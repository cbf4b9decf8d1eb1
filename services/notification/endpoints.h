// Endpoints: where messages may be sent, as the operator has set it up. A person's contact point
// names one of them.
//
// The file is YAML; README.md shows one, with all that may stand in it.
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
