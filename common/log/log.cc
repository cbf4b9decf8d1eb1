#include "common/log/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <ctime>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "common/log/redact.h"

namespace epigrid {
namespace internal {
std::atomic<LogLevel> log_level{LogLevel::kWarn};
}  // namespace internal

namespace {

// The process's log. A function's static, so that lines of other statics find it whatever their
// order; never destroyed, since threads may log until the process is gone.
struct ProcessLog {
  std::mutex mutex;
  std::string service;
  bool capturing = false;
  std::string captured;
  spdlog::logger logger{"epigrid", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

ProcessLog& TheLog() {
  static ProcessLog* log = [] {
    auto* made = new ProcessLog;
    made->logger.set_pattern("%v");
    made->logger.set_level(spdlog::level::trace);
    return made;
  }();
  return *log;
}

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarn: return "warn";
    case LogLevel::kError: return "error";
    case LogLevel::kOff: return "off";
  }
  return "off";
}

std::string Rfc3339(Time time) {
  const std::time_t seconds = time.seconds();
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     time.micros % 1'000'000);
}

}  // namespace

// The line while it is put together.
class LogLine {
 public:
  LogLine(Time time, LogLevel level, std::string_view event, const std::string& service) {
    json_["time"] = Rfc3339(time);
    json_["level"] = LevelName(level);
    json_["event"] = event;
    if (!service.empty()) json_["service"] = service;
  }

  void Add(const LogField& field) {
    nlohmann::ordered_json value;
    switch (field.kind_) {
      case LogField::Kind::kInteger: value = field.value_.integer; break;
      case LogField::Kind::kUnsigned: value = field.value_.natural; break;
      case LogField::Kind::kDouble: value = field.value_.real; break;
      case LogField::Kind::kBool: value = field.value_.boolean; break;
      case LogField::Kind::kDuration:
        value = static_cast<double>(field.value_.integer) / 1000.0;
        break;
      case LogField::Kind::kSafe: value = field.text_; break;
      case LogField::Kind::kRedacted: value = Redact(field.text_); break;
      case LogField::Kind::kStatus: {
        const Status& status = *field.value_.status;
        json_["code"] = CodeName(status.code());
        if (!status.reason().empty()) json_["reason"] = status.reason();
        if (!status.message().empty()) json_["message"] = Redact(status.message());
        return;
      }
      case LogField::Kind::kContext:
        if (!field.value_.context->trace_id.empty())
          json_["trace_id"] = field.value_.context->trace_id;
        if (!field.value_.context->request_id.empty())
          json_["request_id"] = field.value_.context->request_id;
        return;
    }
    json_[std::string(field.name_)] = std::move(value);
  }

  template <typename T>
  void Add(const char* name, T value) {
    json_[name] = std::move(value);
  }

  std::string Text() const {
    return json_.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

 private:
  nlohmann::ordered_json json_;
};

bool LogSite::Pass(int64_t second, uint64_t& suppressed) {
  // Two threads that meet at the turn of a second may let a few lines more pass: that is well.
  if (second_.exchange(second, std::memory_order_relaxed) != second)
    written_.store(0, std::memory_order_relaxed);
  if (written_.fetch_add(1, std::memory_order_relaxed) >= kLogBurst) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  suppressed = suppressed_.exchange(0, std::memory_order_relaxed);
  return true;
}

void LogSite::Write(std::string_view event, std::initializer_list<LogField> fields) {
  const Time now = SystemClock().Now();
  uint64_t suppressed = 0;
  if (!Pass(now.seconds(), suppressed)) return;
  ProcessLog& log = TheLog();
  std::unique_lock lock(log.mutex);
  const std::string service = log.service;
  lock.unlock();
  LogLine line(now, level_, event, service);
  for (const LogField& field : fields) line.Add(field);
  if (suppressed > 0) line.Add("suppressed", suppressed);
  const std::string_view file(file_);
  line.Add("source", fmt::format("{}:{}", file.substr(file.rfind('/') + 1), line_));
  const std::string text = line.Text();
  lock.lock();
  if (log.capturing) {
    log.captured += text + "\n";
    return;
  }
  lock.unlock();
  log.logger.log(spdlog::level::info, text);
}

void StartLogging(const LogOptions& options) {
  ProcessLog& log = TheLog();
  std::lock_guard lock(log.mutex);
  log.service = options.service;
  internal::log_level.store(options.level, std::memory_order_relaxed);
}

LogLevel ParseLogLevel(std::string_view text) {
  for (LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError, LogLevel::kOff}) {
    if (LevelName(level) == text) return level;
  }
  return LogLevel::kInfo;
}

LogCapture::LogCapture(LogLevel level) : previous_level_(internal::log_level.exchange(level)) {
  ProcessLog& log = TheLog();
  std::lock_guard lock(log.mutex);
  EPIGRID_CHECK(!log.capturing, "the log is captured by another");
  log.capturing = true;
  log.captured.clear();
}

LogCapture::~LogCapture() {
  internal::log_level.store(previous_level_);
  ProcessLog& log = TheLog();
  std::lock_guard lock(log.mutex);
  log.capturing = false;
}

std::string LogCapture::text() const {
  ProcessLog& log = TheLog();
  std::lock_guard lock(log.mutex);
  return log.captured;
}

}  // namespace epigrid
