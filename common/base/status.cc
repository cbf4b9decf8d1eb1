#include "common/base/status.h"

#include <cstdio>
#include <cstdlib>

namespace epigrid {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk: return "OK";
    case Code::kCancelled: return "CANCELLED";
    case Code::kUnknown: return "UNKNOWN";
    case Code::kInvalidArgument: return "INVALID_ARGUMENT";
    case Code::kDeadlineExceeded: return "DEADLINE_EXCEEDED";
    case Code::kNotFound: return "NOT_FOUND";
    case Code::kAlreadyExists: return "ALREADY_EXISTS";
    case Code::kPermissionDenied: return "PERMISSION_DENIED";
    case Code::kResourceExhausted: return "RESOURCE_EXHAUSTED";
    case Code::kFailedPrecondition: return "FAILED_PRECONDITION";
    case Code::kAborted: return "ABORTED";
    case Code::kOutOfRange: return "OUT_OF_RANGE";
    case Code::kUnimplemented: return "UNIMPLEMENTED";
    case Code::kInternal: return "INTERNAL";
    case Code::kUnavailable: return "UNAVAILABLE";
    case Code::kDataLoss: return "DATA_LOSS";
    case Code::kUnauthenticated: return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

Status::Status(Code code, std::string reason, std::string message) {
  if (code == Code::kOk) return;
  error_ = std::make_shared<const Error>(Error{code, std::move(reason), std::move(message), {}});
}

const Status::Error& Status::None() {
  static const Error none;
  return none;
}

Status Status::With(std::string key, std::string value) && {
  if (ok()) return {};
  Error error = *error_;
  error.metadata[std::move(key)] = std::move(value);
  error_ = std::make_shared<const Error>(std::move(error));
  return std::move(*this);
}

std::string Status::ToString() const {
  if (ok()) return "OK";
  return std::string(CodeName(code())) + " " + reason() + ": " + message();
}

Status InvalidArgument(std::string reason, std::string message) {
  return {Code::kInvalidArgument, std::move(reason), std::move(message)};
}
Status NotFound(std::string reason, std::string message) {
  return {Code::kNotFound, std::move(reason), std::move(message)};
}
Status AlreadyExists(std::string reason, std::string message) {
  return {Code::kAlreadyExists, std::move(reason), std::move(message)};
}
Status FailedPrecondition(std::string reason, std::string message) {
  return {Code::kFailedPrecondition, std::move(reason), std::move(message)};
}
Status ResourceExhausted(std::string reason, std::string message) {
  return {Code::kResourceExhausted, std::move(reason), std::move(message)};
}
Status Unavailable(std::string reason, std::string message) {
  return {Code::kUnavailable, std::move(reason), std::move(message)};
}
Status DeadlineExceeded(std::string reason, std::string message) {
  return {Code::kDeadlineExceeded, std::move(reason), std::move(message)};
}
Status Internal(std::string reason, std::string message) {
  return {Code::kInternal, std::move(reason), std::move(message)};
}

void CheckFailed(const char* file, int line, const char* expression, std::string_view message) {
  std::fprintf(stderr, "%s:%d: check failed: %s: %.*s\n", file, line, expression,
               static_cast<int>(message.size()), message.data());
  std::abort();
}

}  // namespace epigrid
