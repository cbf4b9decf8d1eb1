#include "common/app/libraries.h"

#include <absl/synchronization/mutex.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <string>

#include "common/log/log.h"

namespace epigrid {
namespace {

void LogGrpc(gpr_log_func_args* line) {
  switch (line->severity) {
    case GPR_LOG_SEVERITY_ERROR:
      EPIGRID_LOG_WARN("grpc.error", {"message", Redacted(line->message)});
      break;
    case GPR_LOG_SEVERITY_INFO:
      EPIGRID_LOG_DEBUG("grpc.info", {"message", Redacted(line->message)});
      break;
    case GPR_LOG_SEVERITY_DEBUG:
      EPIGRID_LOG_DEBUG("grpc.debug", {"message", Redacted(line->message)});
      break;
  }
}

void LogProtobuf(google::protobuf::LogLevel level, const char*, int, const std::string& message) {
  if (level >= google::protobuf::LOGLEVEL_WARNING) {
    EPIGRID_LOG_WARN("protobuf.warning", {"message", Redacted(message)});
  } else {
    EPIGRID_LOG_DEBUG("protobuf.info", {"message", Redacted(message)});
  }
}

}  // namespace

void TakeOverLibraryLogs() {
  gpr_set_log_function(LogGrpc);
  google::protobuf::SetLogHandler(LogProtobuf);
}

void SwitchOffLockCycleSearch() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

}  // namespace epigrid
