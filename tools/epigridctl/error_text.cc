#include "tools/epigridctl/error_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/epigridctl/text.h"

namespace epigrid::ctl {

std::string_view Advice(const Status& status) {
  const std::string& reason = status.reason();
  if (reason == "OUTCOME_UNKNOWN" || reason == "OUTCOME_PENDING") {
    return "it may have been done: send the same request again with the same request_id";
  }
  if (reason == "NOT_QUIET") return "wait longer with --timeout, or look at `epigridctl status`";
  switch (status.code()) {
    case Code::kUnavailable:
      // With a reason of ours a server has answered.
      return reason == "RPC_UNAVAILABLE"
                 ? "see that the server runs and --server names its address"
                 : "try again later; docs/errors.md says what the reason means";
    case Code::kUnauthenticated:
      return "give a token with --token-file, --token or EPIGRID_TOKEN, or a certificate with "
             "--tls-cert and --tls-key";
    case Code::kPermissionDenied:
      return "have the method allowed for this caller in the server's callers file";
    case Code::kResourceExhausted: return "send less at once, or later";
    case Code::kDeadlineExceeded: return "give it more time with --timeout";
    case Code::kUnimplemented:
      return "see with `epigridctl call` what the server serves; several servers: --server "
             "SERVICE=HOST:PORT";
    default: return "";
  }
}

std::string FormatError(const Status& status) {
  std::string text = fmt::format("{} {}\n", CodeName(status.code()), Printable(status.reason()));
  const auto add = [&text](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    text += fmt::format("  {:<9} {}\n", fmt::format("{}:", name), Printable(value));
  };
  add("message", status.message());
  for (const auto& [key, value] : status.metadata()) {
    if (key == "retry_after_ms") {
      add("retry in", value + " ms");
    } else {
      add(key, value);
    }
  }
  add("to do", Advice(status));
  return text;
}

nlohmann::json ErrorJson(const Status& status) {
  return {{"code", CodeName(status.code())},
          {"reason", status.reason()},
          {"message", status.message()},
          {"metadata", status.metadata()}};
}

}  // namespace epigrid::ctl
