// The notification service, composed: the only place that knows every concrete type.
#pragma once

#include <memory>

#include "common/app/process.h"
#include "common/service/service_calls.h"
#include "common/service/service_runtime.h"
#include "common/service/storage_config.h"
#include "services/notification/api/notification_api.h"
#include "services/notification/config.h"
#include "services/notification/worker.h"

namespace epigrid::notification {

// Life cycle: construct after Process::Configure, Start, then Process::Run, which stops it at its
// end; destroy.
class App {
 public:
  App(Config config, const StorageConfig& storage, Process& process);

  // Why the service cannot run, if it cannot.
  Status Start();

  ServiceRuntime& runtime() { return runtime_; }

 private:
  const bool asks_this_process_;  // for contacts
  const Config config_;
  Process& process_;
  SystemClock clock_;
  ServiceRuntime runtime_;
  ServiceCalls calls_;
  NotificationApi api_;
  std::unique_ptr<Worker> worker_;  // null: this process does not fold, and so does not send
};

}  // namespace epigrid::notification
