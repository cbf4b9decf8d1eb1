// The contact_tracing service, composed: the only place that knows every concrete type.
#pragma once

#include "common/app/process.h"
#include "common/service/service_calls.h"
#include "common/service/service_runtime.h"
#include "common/service/storage_config.h"
#include "services/contact_tracing/api/contact_tracing_api.h"
#include "services/contact_tracing/config.h"

namespace epigrid::contact_tracing {

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
  ContactTracingApi api_;
};

}  // namespace epigrid::contact_tracing
