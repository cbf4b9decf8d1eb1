// Status and Result<T>: what a call that may fail for an expected reason returns.
//
// A Status is a canonical gRPC code, a stable reason (UPPER_SNAKE_CASE, what programs switch on,
// sent as google.rpc.ErrorInfo.reason) and a message that tells a person what to mend. Messages
// never carry personal data.
//
//   Result<Colour> Parse(std::string_view text) {
//     if (text != "GREEN") return InvalidArgument("COLOUR_UNKNOWN", "colour must be GREEN");
//     return Colour::kGreen;
//   }
//   EPIGRID_ASSIGN_OR_RETURN(Colour colour, Parse(text));
//
// Impossible states are not Statuses: they abort by EPIGRID_CHECK, with a message.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace epigrid {

// The canonical codes, with gRPC's numbers.
enum class Code {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// The code's name as gRPC spells it, for example "INVALID_ARGUMENT".
std::string_view CodeName(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  // With kOk: the same as OkStatus().
  Status(Code code, std::string reason, std::string message);

  bool ok() const { return error_ == nullptr; }
  Code code() const { return ok() ? Code::kOk : error_->code; }
  const std::string& reason() const { return error().reason; }
  const std::string& message() const { return error().message; }
  // What ErrorInfo.metadata carries: for example {"field", "onset_time"}, {"retry_after_ms",
  // "500"}.
  const std::map<std::string, std::string>& metadata() const { return error().metadata; }

  // Adds to the metadata of an error; OK has none.
  Status With(std::string key, std::string value) &&;
  // "INVALID_ARGUMENT COLOUR_UNKNOWN: colour must be GREEN", for logs and terminals.
  std::string ToString() const;

  friend bool operator==(const Status& a, const Status& b) { return a.error() == b.error(); }

 private:
  struct Error {
    Code code = Code::kOk;
    std::string reason;
    std::string message;
    std::map<std::string, std::string> metadata;

    friend bool operator==(const Error&, const Error&) = default;
  };
  const Error& error() const { return ok() ? None() : *error_; }
  static const Error& None();

  std::shared_ptr<const Error> error_;  // nullptr: OK, which nearly every Status is
};

inline Status OkStatus() { return {}; }
Status InvalidArgument(std::string reason, std::string message);
Status NotFound(std::string reason, std::string message);
Status AlreadyExists(std::string reason, std::string message);
Status FailedPrecondition(std::string reason, std::string message);
Status ResourceExhausted(std::string reason, std::string message);
Status Unavailable(std::string reason, std::string message);
Status DeadlineExceeded(std::string reason, std::string message);
Status Internal(std::string reason, std::string message);

[[noreturn]] void CheckFailed(const char* file, int line, const char* expression,
                              std::string_view message);

// Aborts with the message when the condition is false: for states that cannot be unless the program
// is wrong.
#define EPIGRID_CHECK(condition, message)                              \
  do {                                                                 \
    if (!(condition)) [[unlikely]]                                     \
      ::epigrid::CheckFailed(__FILE__, __LINE__, #condition, message); \
  } while (false)

// A value or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    EPIGRID_CHECK(!status_.ok(), "a Result without a value needs an error");
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() & {
    EPIGRID_CHECK(ok(), status_.ToString());
    return *value_;
  }
  const T& value() const& {
    EPIGRID_CHECK(ok(), status_.ToString());
    return *value_;
  }
  T&& value() && {
    EPIGRID_CHECK(ok(), status_.ToString());
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  Status status_;
  std::optional<T> value_;
};

#define EPIGRID_CONCAT_INNER(a, b) a##b
#define EPIGRID_CONCAT(a, b) EPIGRID_CONCAT_INNER(a, b)

#define EPIGRID_RETURN_IF_ERROR_AS(return_keyword, expression)                 \
  do {                                                                         \
    if (::epigrid::Status epigrid_status = (expression); !epigrid_status.ok()) \
      return_keyword epigrid_status;                                           \
  } while (false)
#define EPIGRID_ASSIGN_OR_RETURN_AS(return_keyword, temporary, declaration, expression) \
  auto temporary = (expression);                                                        \
  if (!temporary.ok()) return_keyword temporary.status();                               \
  declaration = std::move(temporary).value()

#define EPIGRID_RETURN_IF_ERROR(expression) EPIGRID_RETURN_IF_ERROR_AS(return, expression)
#define EPIGRID_ASSIGN_OR_RETURN(declaration, expression)                                     \
  EPIGRID_ASSIGN_OR_RETURN_AS(return, EPIGRID_CONCAT(epigrid_result_, __LINE__), declaration, \
                                    expression)
// The same inside a coroutine.
#define EPIGRID_CO_RETURN_IF_ERROR(expression) EPIGRID_RETURN_IF_ERROR_AS(co_return, expression)
#define EPIGRID_CO_ASSIGN_OR_RETURN(declaration, expression)                                     \
  EPIGRID_ASSIGN_OR_RETURN_AS(co_return, EPIGRID_CONCAT(epigrid_result_, __LINE__), declaration, \
                              expression)

}  // namespace epigrid
