#include "services/notification/endpoints.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <memory>
#include <set>

#include "common/app/server_config.h"
#include "common/base/configured_name.h"

namespace epigrid::notification {
namespace {

constexpr size_t kFileBytesMax = 1 << 20;
constexpr size_t kUrlBytesMax = 2048;

std::string Text(const YAML::Node& node) { return node.IsScalar() ? node.Scalar() : ""; }

// A part of a URL; empty: it has none.
std::string PartOf(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return "";
  std::string copied = text;
  curl_free(text);
  return copied;
}

// What is wrong with a URL; empty: nothing.
std::string CheckUrl(const std::string& text, bool allow_plain_http) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
  if (text.size() > kUrlBytesMax ||
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return "url must be an http or https URL, for example https://sms.city.example/messages";
  }
  const std::string scheme = PartOf(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return "url must begin with https:// or http://";
  if (!PartOf(url.get(), CURLUPART_USER).empty() ||
      !PartOf(url.get(), CURLUPART_PASSWORD).empty()) {
    return "url must not hold a user or a password; the receiver knows us by the signature";
  }
  if (!PartOf(url.get(), CURLUPART_FRAGMENT).empty()) return "url must not hold a fragment (#)";
  if (scheme == "http" && !allow_plain_http &&
      !IsLoopback(PartOf(url.get(), CURLUPART_HOST) + ":80")) {
    return "plain http beyond this machine lets others read messages: use https, or set "
           "allow_plain_http: true";
  }
  return "";
}

// Reads one file. What is wrong is collected; the rest is read on.
class EndpointsReader {
 public:
  EndpointsReader(std::string_view file_name, const EndpointSecrets& secrets)
      : file_name_(file_name), secrets_(secrets) {}

  ParsedEndpoints Read(const std::string& text) {
    if (text.size() > kFileBytesMax) {
      return {{}, {fmt::format("{}: is larger than {} bytes", file_name_, kFileBytesMax)}};
    }
    try {
      ReadRoot(YAML::Load(text));
    } catch (const YAML::Exception& error) {
      errors_.push_back(fmt::format("{}:{}: {}", file_name_, error.mark.line + 1, error.msg));
    }
    if (!errors_.empty()) return {{}, std::move(errors_)};
    return {std::move(endpoints_), {}};
  }

 private:
  void Error(const YAML::Node& node, std::string_view what) {
    errors_.push_back(fmt::format("{}:{}: {}", file_name_, node.Mark().line + 1, what));
  }

  void ReadRoot(const YAML::Node& root) {
    if (!root.IsMap()) return Error(root, "must be a map with the keys version and endpoints");
    std::set<std::string> seen;
    for (const auto& entry : root) {
      const std::string key = Text(entry.first);
      if (!seen.insert(key).second) {
        Error(entry.first, fmt::format("{} stands here a second time", key));
      } else if (key == "version") {
        if (Text(entry.second) != "1") Error(entry.second, "version must be 1");
      } else if (key == "endpoints") {
        ReadEndpoints(entry.second);
      } else {
        Error(entry.first, fmt::format("unknown key \"{}\"; version and endpoints are known", key));
      }
    }
    if (!seen.contains("version")) Error(root, "version is missing; write version: 1");
    if (!seen.contains("endpoints")) Error(root, "endpoints is missing");
  }

  void ReadEndpoints(const YAML::Node& node) {
    if (!node.IsSequence()) return Error(node, "endpoints must be a list");
    if (node.size() > kEndpointsMax) {
      return Error(node, fmt::format("there are more than {} endpoints", kEndpointsMax));
    }
    for (const YAML::Node& endpoint : node) ReadEndpoint(endpoint);
  }

  // The settings of an endpoint as they stand; unknown and repeated ones are errors.
  std::map<std::string, YAML::Node> SettingsOf(const YAML::Node& node) {
    std::map<std::string, YAML::Node> settings;
    for (const auto& entry : node) {
      const std::string key = Text(entry.first);
      const auto& known = kKeys;
      if (std::ranges::find(known, key) == std::end(known)) {
        Error(entry.first,
              fmt::format("unknown key \"{}\"; {} are known", key, fmt::join(known, ", ")));
      } else if (!entry.second.IsScalar()) {
        Error(entry.second, fmt::format("{} takes a plain value", key));
        settings.emplace(key, entry.second);
      } else if (!settings.emplace(key, entry.second).second) {
        Error(entry.first, fmt::format("{} stands here a second time", key));
      }
    }
    return settings;
  }

  void ReadEndpoint(const YAML::Node& node) {
    if (!node.IsMap()) {
      return Error(node, "an endpoint is a map with name, channel, and url and secret, or path");
    }
    const std::map<std::string, YAML::Node> settings = SettingsOf(node);
    Endpoint endpoint;
    if (const auto name = settings.find("name"); name == settings.end()) {
      Error(node, "name is missing");
    } else {
      endpoint.name = Text(name->second);
      if (!IsConfiguredName(endpoint.name)) {
        Error(name->second, "name must be 1 to 63 characters of a-z, 0-9 and -");
      } else if (!names_.insert(endpoint.name).second) {
        Error(name->second, fmt::format("another endpoint has the name {}", endpoint.name));
      }
    }
    const auto channel = settings.find("channel");
    const std::string kind = channel == settings.end() ? "" : Text(channel->second);
    if (kind == "webhook") {
      ReadWebhook(node, settings, endpoint);
    } else if (kind == "file") {
      ReadFile(node, settings, endpoint);
    } else {
      Error(channel == settings.end() ? node : channel->second, "channel must be webhook or file");
    }
    endpoints_.push_back(std::move(endpoint));
  }

  void ReadWebhook(const YAML::Node& node, const std::map<std::string, YAML::Node>& settings,
                   Endpoint& endpoint) {
    Forbid(settings, {"path"}, "webhook");
    bool allow_plain_http = false;
    if (const auto allow = settings.find("allow_plain_http"); allow != settings.end()) {
      allow_plain_http = Text(allow->second) == "true";
      if (!allow_plain_http && Text(allow->second) != "false") {
        Error(allow->second, "allow_plain_http must be true or false");
      }
    }
    if (const auto url = settings.find("url"); url == settings.end()) {
      Error(node, "url is missing");
    } else {
      endpoint.url = Text(url->second);
      const std::string wrong = CheckUrl(endpoint.url, allow_plain_http);
      if (!wrong.empty()) Error(url->second, wrong);
    }
    ReadSecret(node, settings, endpoint);
  }

  void ReadSecret(const YAML::Node& node, const std::map<std::string, YAML::Node>& settings,
                  Endpoint& endpoint) {
    const auto plain = settings.find("secret");
    const auto file = settings.find("secret_file");
    const auto variable = settings.find("secret_env");
    const auto given = std::ranges::count_if(
        settings, [](const auto& setting) { return setting.first.starts_with("secret"); });
    if (given != 1) return Error(node, "give one of secret, secret_file and secret_env");
    const YAML::Node& from = plain != settings.end()  ? plain->second
                             : file != settings.end() ? file->second
                                                      : variable->second;
    std::string text = Text(from);
    if (file != settings.end()) {
      Result<std::string> read = secrets_.read_file(text);
      if (!read.ok()) return Error(from, read.status().message());
      text = *std::move(read);
    } else if (variable != settings.end()) {
      std::optional<std::string> value = secrets_.environment(text);
      if (!value.has_value()) return Error(from, "there is no such environment variable");
      text = *std::move(value);
    }
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    Result<WebhookSecret> secret = WebhookSecret::Parse(text);
    if (!secret.ok()) return Error(from, secret.status().message());
    endpoint.secret = *std::move(secret);
  }

  void ReadFile(const YAML::Node& node, const std::map<std::string, YAML::Node>& settings,
                Endpoint& endpoint) {
    Forbid(settings, {"url", "secret", "secret_file", "secret_env", "allow_plain_http"}, "file");
    if (const auto path = settings.find("path"); path == settings.end()) {
      Error(node, "path is missing");
    } else {
      endpoint.path = Text(path->second);
      if (!endpoint.path.is_absolute()) Error(path->second, "path must be absolute");
    }
  }

  void Forbid(const std::map<std::string, YAML::Node>& settings,
              std::initializer_list<const char*> keys, std::string_view channel) {
    for (const char* key : keys) {
      if (const auto found = settings.find(key); found != settings.end()) {
        Error(found->second, fmt::format("a {} endpoint has no {}", channel, key));
      }
    }
  }

  static constexpr std::string_view kKeys[] = {
      "name", "channel", "url", "secret", "secret_file", "secret_env", "allow_plain_http", "path"};

  const std::string file_name_;
  const EndpointSecrets& secrets_;
  std::vector<Endpoint> endpoints_;
  std::vector<std::string> errors_;
  std::set<std::string> names_;
};

}  // namespace

ParsedEndpoints ParseEndpoints(std::string_view file_name, const std::string& text,
                               const EndpointSecrets& secrets) {
  return EndpointsReader(file_name, secrets).Read(text);
}

}  // namespace epigrid::notification
