// The health_code service, composed: the only place that knows every concrete type.
#pragma once

#include "common/app/process.h"
#include "common/service/service_calls.h"
#include "common/service/service_runtime.h"
#include "common/service/storage_config.h"
#include "services/health_code/api/health_code_api.h"
#include "services/health_code/config.h"

namespace epigrid::health_code {

// Life cycle: construct after Process::Configure, Start, then Process::Run, which stops it at its
// end; destroy.
class App {
 public:
  App(const Config& config, const StorageConfig& storage, Process& process);

  // Why the service cannot run, if it cannot.
  Status Start();

  ServiceRuntime& runtime() { return runtime_; }

 private:
  Process& process_;
  SystemClock clock_;
  ServiceRuntime runtime_;
  ServiceCalls calls_;
  HealthCodeApi api_;
};

}  // namespace epigrid::health_code
