#include "common/rpc/callers.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "common/base/configured_name.h"
#include "common/base/hex.h"
#include "common/base/sha256.h"

namespace epigrid {
namespace {

constexpr size_t kFileBytesMax = 4 << 20;
constexpr size_t kHashBytes = 32;
constexpr std::array<std::string_view, kCallerClassCount> kClassNames = {
    "GATE", "AGENCY", "RESIDENT", "BULK", "OPERATOR"};
constexpr double kQuotaMax = 1e9;

// 64 hexadecimal digits.
std::optional<std::string> ParseHash(std::string_view digits) {
  std::optional<std::string> hash = FromHex(digits);
  if (hash.has_value() && hash->size() != kHashBytes) hash.reset();
  return hash;
}

// "package.Service/Method", or a prefix of it and '*'.
bool IsMethodPattern(std::string_view text) {
  const bool prefix = text.ends_with('*');
  if (prefix) text.remove_suffix(1);
  if (!prefix && std::ranges::count(text, '/') != 1) return false;
  return std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '/';
  });
}

}  // namespace

std::string_view CallerClassName(CallerClass caller_class) {
  return kClassNames[static_cast<size_t>(caller_class)];
}

bool Caller::MayCall(std::string_view method) const {
  return std::ranges::any_of(methods, [method](std::string_view pattern) {
    if (!pattern.ends_with('*')) return pattern == method;
    return method.starts_with(pattern.substr(0, pattern.size() - 1));
  });
}

const Caller* Callers::FindByToken(std::string_view token) const {
  auto found = by_token_hash_.find(Sha256(token));
  return found == by_token_hash_.end() ? nullptr : found->second;
}

const Caller* Callers::FindByMtlsName(std::string_view name) const {
  auto found = by_mtls_name_.find(name);
  return found == by_mtls_name_.end() ? nullptr : found->second;
}

std::shared_ptr<const Callers> Callers::EveryoneIsOperator() {
  auto callers = std::make_shared<Callers>();
  callers->callers_.push_back(
      std::make_unique<Caller>(Caller{.name = "local",
                                      .agency = "local",
                                      .caller_class = CallerClass::kOperator,
                                      .methods = {"*"},
                                      .calls = {},
                                      .items = {}}));
  callers->anonymous_ = callers->callers_.front().get();
  return callers;
}

// Reads one file. What is wrong is collected; the rest is read on.
class CallersReader {
 public:
  explicit CallersReader(std::string_view file_name)
      : file_name_(file_name), callers_(std::make_shared<Callers>()) {}

  Callers::Parsed Read(const std::string& text) {
    if (text.size() > kFileBytesMax) {
      errors_.push_back(fmt::format("{}: is larger than {} bytes", file_name_, kFileBytesMax));
      return {nullptr, std::move(errors_)};
    }
    try {
      ReadRoot(YAML::Load(text));
    } catch (const YAML::Exception& error) {
      errors_.push_back(fmt::format("{}:{}: {}", file_name_, error.mark.line + 1, error.msg));
    }
    if (!errors_.empty()) return {nullptr, std::move(errors_)};
    return {std::move(callers_), {}};
  }

 private:
  void Error(const YAML::Node& node, std::string_view what) {
    errors_.push_back(fmt::format("{}:{}: {}", file_name_, node.Mark().line + 1, what));
  }

  void ReadRoot(const YAML::Node& root) {
    if (!root.IsMap()) return Error(root, "must be a map with the keys version and callers");
    bool version = false;
    bool callers = false;
    for (const auto& entry : root) {
      const std::string key = Text(entry.first);
      if (key == "version") {
        version = true;
        if (Text(entry.second) != "1") Error(entry.second, "version must be 1");
      } else if (key == "callers") {
        callers = true;
        if (!entry.second.IsSequence()) {
          Error(entry.second, "callers must be a list");
          continue;
        }
        for (const YAML::Node& caller : entry.second) ReadCaller(caller);
      } else {
        Error(entry.first, fmt::format("unknown key \"{}\"; version and callers are known", key));
      }
    }
    if (!version) Error(root, "version is missing; write version: 1");
    if (!callers) Error(root, "callers is missing");
  }

  void ReadCaller(const YAML::Node& node) {
    if (!node.IsMap())
      return Error(node, "a caller is a map with name, agency, class, methods and credentials");
    auto caller = std::make_unique<Caller>();
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const std::string key = Text(entry.first);
      if (!seen.insert(key).second) {
        Error(entry.first, fmt::format("{} stands here a second time", key));
      } else if (key == "name") {
        caller->name = Name(entry.second, key);
        if (!names_.insert(caller->name).second)
          Error(entry.second, fmt::format("another caller has the name {}", caller->name));
      } else if (key == "agency") {
        caller->agency = Name(entry.second, key);
      } else if (key == "class") {
        caller->caller_class = Class(entry.second);
      } else if (key == "methods") {
        ReadMethods(entry.second, *caller);
      } else if (key == "credentials") {
        ReadCredentials(entry.second, *caller);
      } else if (key == "quotas") {
        ReadQuotas(entry.second, *caller);
      } else {
        Error(entry.first, fmt::format("unknown key \"{}\"; name, agency, class, methods, "
                                       "credentials and quotas are known",
                                       key));
      }
    }
    for (const char* key : {"name", "agency", "class", "methods", "credentials"}) {
      if (!seen.contains(key)) Error(node, fmt::format("{} is missing", key));
    }
    callers_->callers_.push_back(std::move(caller));
  }

  void ReadMethods(const YAML::Node& node, Caller& caller) {
    if (!node.IsSequence() || node.size() == 0)
      return Error(node, "methods must be a list of at least one method");
    for (const YAML::Node& method : node) {
      std::string text = Text(method);
      if (!IsMethodPattern(text)) {
        Error(method,
              fmt::format(
                  "\"{}\" is no method; write package.Service/Method, or a prefix ending in *",
                  text));
      }
      caller.methods.push_back(std::move(text));
    }
  }

  void ReadCredentials(const YAML::Node& node, const Caller& caller) {
    if (!node.IsSequence() || node.size() == 0)
      return Error(node, "credentials must be a list of at least one credential");
    for (const YAML::Node& credential : node) {
      if (!credential.IsMap() || credential.size() != 1) {
        Error(credential,
              "a credential is one of \"token_sha256: <64 hexadecimal digits>\" and \"mtls_name: "
              "<name>\"");
        continue;
      }
      const std::string kind = Text(credential.begin()->first);
      const YAML::Node value = credential.begin()->second;
      if (kind == "token_sha256") {
        std::optional<std::string> hash = ParseHash(Text(value));
        if (!hash) {
          Error(value,
                "token_sha256 must be the 64 hexadecimal digits of the token's SHA-256, never the "
                "token itself");
        } else if (!callers_->by_token_hash_.emplace(*std::move(hash), &caller).second) {
          Error(value, "this token_sha256 is given twice");
        }
      } else if (kind == "mtls_name") {
        const std::string name = Text(value);
        if (name.empty()) {
          Error(value, "mtls_name must be the DNS name in the client's certificate");
        } else if (!callers_->by_mtls_name_.emplace(name, &caller).second) {
          Error(value, fmt::format("the mtls_name {} is given twice", name));
        }
      } else {
        Error(credential,
              fmt::format("unknown credential \"{}\"; token_sha256 and mtls_name are known", kind));
      }
    }
  }

  void ReadQuotas(const YAML::Node& node, Caller& caller) {
    if (!node.IsMap()) {
      return Error(node,
                   "quotas is a map with calls_per_second, calls_burst, items_per_second and "
                   "items_burst");
    }
    for (const auto& entry : node) {
      const std::string key = Text(entry.first);
      if (key == "calls_per_second") {
        caller.calls.per_second = Amount(entry.second, key, 0);
      } else if (key == "calls_burst") {
        caller.calls.burst = Amount(entry.second, key, 1);
      } else if (key == "items_per_second") {
        caller.items.per_second = Amount(entry.second, key, 0);
      } else if (key == "items_burst") {
        caller.items.burst = Amount(entry.second, key, 1);
      } else {
        Error(entry.first, fmt::format("unknown key \"{}\"; calls_per_second, calls_burst, "
                                       "items_per_second and items_burst are known",
                                       key));
      }
    }
    for (Quota* quota : {&caller.calls, &caller.items}) {
      if (quota->burst > 0 && quota->per_second == 0)
        Error(node,
              "a burst needs the rate that fills it: give calls_per_second, or "
              "items_per_second, too");
      if (quota->burst == 0) quota->burst = std::max(1.0, quota->per_second);
    }
  }

  // Over 0, and at least `least`.
  double Amount(const YAML::Node& node, std::string_view key, double least) {
    const std::string text = Text(node);
    double amount = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
    if (error == std::errc() && end == text.data() + text.size() && amount > 0 && amount >= least &&
        amount <= kQuotaMax) {
      return amount;
    }
    Error(node, fmt::format("{} must be a number {} {:.0f}", key,
                            least == 0 ? "above 0, at most" : "from 1 to", kQuotaMax));
    return 1;
  }

  CallerClass Class(const YAML::Node& node) {
    const std::string text = Text(node);
    for (size_t i = 0; i < kCallerClassCount; ++i) {
      if (kClassNames[i] == text) return static_cast<CallerClass>(i);
    }
    Error(node,
          fmt::format("\"{}\" is no class; GATE, AGENCY, RESIDENT, BULK and OPERATOR are", text));
    return CallerClass::kAgency;
  }

  std::string Name(const YAML::Node& node, std::string_view key) {
    std::string text = Text(node);
    if (!IsConfiguredName(text))
      Error(node, fmt::format("{} must be 1 to 63 characters of a-z, 0-9 and -", key));
    return text;
  }

  static std::string Text(const YAML::Node& node) { return node.IsScalar() ? node.Scalar() : ""; }

  std::string file_name_;
  std::shared_ptr<Callers> callers_;
  std::vector<std::string> errors_;
  std::set<std::string> names_;
};

Callers::Parsed Callers::Parse(std::string_view file_name, const std::string& text) {
  return CallersReader(file_name).Read(text);
}

}  // namespace epigrid
