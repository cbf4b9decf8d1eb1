// Logs: one JSON object a line on stderr, for programs first and people second.
//
//   EPIGRID_LOG_INFO("projector.rebuilt", {"shard", 3}, {"took_ms", 12});
//   EPIGRID_LOG_WARN("rpc.failed", {call.log_context()}, {"method", Safe(method.name())}, {status});
//
//   {"time":"2026-01-02T03:04:05.000678Z","level":"info","event":"projector.rebuilt","service":"tracing",
//    "shard":3,"took_ms":12,"source":"projector.cc:71"}
//
// * The first argument names the event, dotted and in snake_case, and never varies: values are
//   fields.
// * A field is a number, a bool, a duration (its name then ends in _ms), a Code, a Status (adds
//   code, reason and the redacted message), or text that was declared: Safe("...") for what cannot
//   be personal (opaque ids, reasons, names of topics and methods), Redacted("...") for the texts
//   of others, which redact.h cleans. Plain strings do not compile.
// * A line whose level is off costs one load. A place that logs more than kLogBurst lines in a
//   second is muted until the second is over; its next line says how many were "suppressed".
//
// The log is the process's, as stderr is: StartLogging sets it up once in main; without it,
// warnings and errors are written. All of it may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace epigrid {

enum class LogLevel : uint8_t { kDebug = 0, kInfo = 1, kWarn = 2, kError = 3, kOff = 4 };

// Lines per second and place that are written before the rest is only counted.
inline constexpr uint32_t kLogBurst = 20;

// Text of which the caller knows that it holds no personal data.
struct Safe {
  explicit constexpr Safe(std::string_view value) : text(value) {}
  std::string_view text;
};

// Text of others: cleaned by Redact before it is written.
struct Redacted {
  explicit constexpr Redacted(std::string_view value) : text(value) {}
  std::string_view text;
};

// What ties the lines of one call together. Views into what lives as long as the call.
struct LogContext {
  std::string_view trace_id;
  std::string_view request_id;
};

// One field of a line; lives only while the line is written.
class LogField {
 public:
  enum class Kind : uint8_t {
    kInteger,
    kUnsigned,
    kDouble,
    kBool,
    kDuration,
    kSafe,
    kRedacted,
    kStatus,
    kContext
  };

  template <std::signed_integral T>
  constexpr LogField(std::string_view name, T value) : name_(name), kind_(Kind::kInteger) {
    value_.integer = value;
  }
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  constexpr LogField(std::string_view name, T value) : name_(name), kind_(Kind::kUnsigned) {
    value_.natural = value;
  }
  constexpr LogField(std::string_view name, bool value) : name_(name), kind_(Kind::kBool) {
    value_.boolean = value;
  }
  constexpr LogField(std::string_view name, double value) : name_(name), kind_(Kind::kDouble) {
    value_.real = value;
  }
  // In milliseconds, with three decimals.
  template <typename Rep, typename Period>
  constexpr LogField(std::string_view name, std::chrono::duration<Rep, Period> value)
      : name_(name), kind_(Kind::kDuration) {
    value_.integer = std::chrono::duration_cast<Duration>(value).count();
  }
  constexpr LogField(std::string_view name, Safe value)
      : name_(name), text_(value.text), kind_(Kind::kSafe) {}
  constexpr LogField(std::string_view name, Redacted value)
      : name_(name), text_(value.text), kind_(Kind::kRedacted) {}
  LogField(std::string_view name, Code value)
      : name_(name), text_(CodeName(value)), kind_(Kind::kSafe) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  LogField(const Status& status) : kind_(Kind::kStatus) { value_.status = &status; }
  // NOLINTNEXTLINE(google-explicit-constructor)
  LogField(const LogContext& context) : kind_(Kind::kContext) { value_.context = &context; }

  std::string_view name() const { return name_; }
  Kind kind() const { return kind_; }

 private:
  friend class LogLine;
  std::string_view name_;
  std::string_view text_;
  union {
    int64_t integer = 0;
    uint64_t natural;
    double real;
    bool boolean;
    const Status* status;
    const LogContext* context;
  } value_;
  Kind kind_;
};

// A place in the source that logs; the macros make one each.
class LogSite {
 public:
  constexpr LogSite(LogLevel level, const char* file, int line)
      : level_(level), line_(line), file_(file) {}
  void Write(std::string_view event, std::initializer_list<LogField> fields);

 private:
  // Whether this line may be written; `suppressed` is how many were not since the last.
  bool Pass(int64_t second, uint64_t& suppressed);

  const LogLevel level_;
  const int line_;
  const char* const file_;
  std::atomic<int64_t> second_{0};
  std::atomic<uint32_t> written_{0};
  std::atomic<uint64_t> suppressed_{0};
};

struct LogOptions {
  std::string service;  // in every line
  LogLevel level = LogLevel::kInfo;
};

void StartLogging(const LogOptions& options);
// "debug", "info", "warn", "error" or "off"; anything else is kInfo.
LogLevel ParseLogLevel(std::string_view text);

// For tests: takes the lines of the process while it lives. One at a time.
class LogCapture {
 public:
  explicit LogCapture(LogLevel level = LogLevel::kDebug);
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  // All lines so far, each ending in a newline.
  std::string text() const;

 private:
  LogLevel previous_level_;
};

namespace internal {
extern std::atomic<LogLevel> log_level;
}  // namespace internal

inline bool LogIsOn(LogLevel level) {
  return level >= internal::log_level.load(std::memory_order_relaxed);
}

#define EPIGRID_LOG(level, event, ...)                                             \
  do {                                                                             \
    if (::epigrid::LogIsOn(level)) [[unlikely]] {                                  \
      static constinit ::epigrid::LogSite epigrid_site(level, __FILE__, __LINE__); \
      epigrid_site.Write(event, {__VA_ARGS__});                                    \
    }                                                                              \
  } while (false)
#define EPIGRID_LOG_DEBUG(...) EPIGRID_LOG(::epigrid::LogLevel::kDebug, __VA_ARGS__)
#define EPIGRID_LOG_INFO(...) EPIGRID_LOG(::epigrid::LogLevel::kInfo, __VA_ARGS__)
#define EPIGRID_LOG_WARN(...) EPIGRID_LOG(::epigrid::LogLevel::kWarn, __VA_ARGS__)
#define EPIGRID_LOG_ERROR(...) EPIGRID_LOG(::epigrid::LogLevel::kError, __VA_ARGS__)

}  // namespace epigrid
