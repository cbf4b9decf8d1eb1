// An endpoints file and a webhook's secret from anywhere must end in errors, never in a crash.
#include <cstddef>
#include <cstdint>

#include "services/notification/endpoints.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  using epigrid::notification::WebhookSecret;
  const epigrid::Result<WebhookSecret> secret = WebhookSecret::Parse(text);
  if (secret.ok() && secret->Sign("id", epigrid::Time(), text).size() != 47) __builtin_trap();

  const epigrid::notification::EndpointSecrets secrets{
      .read_file = [&](const std::filesystem::path&) -> epigrid::Result<std::string> {
        return text;
      },
      .environment = [&](const std::string&) { return std::optional<std::string>(text); }};
  const auto parsed = epigrid::notification::ParseEndpoints("endpoints.yaml", text, secrets);
  if (!parsed.errors.empty() && !parsed.endpoints.empty()) __builtin_trap();
  return 0;
}
