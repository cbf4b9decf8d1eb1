// epigrid-dev: all four services in one process on one port, for a single machine.
#include "common/app/process.h"
#include "common/log/log.h"
#include "common/service/operations_api.h"
#include "common/service/storage_config.h"
#include "services/contact_tracing/app.h"
#include "services/health_code/app.h"
#include "services/identity/app.h"
#include "services/notification/app.h"

namespace epigrid {
namespace {

int Main(int argc, char** argv) {
  Process process("epigrid-dev");
  StorageConfig storage;
  identity::Config identity_config;
  contact_tracing::Config contact_tracing_config;
  health_code::Config health_code_config;
  notification::Config notification_config;
  storage.AddTo(process.config());
  identity_config.AddTo(process.config());
  contact_tracing_config.AddTo(process.config());
  health_code_config.AddTo(process.config());
  notification_config.AddTo(process.config());
  if (std::optional<int> exit_code = process.Configure(argc, argv)) return *exit_code;

  identity::App identity(identity_config, storage, process);
  contact_tracing::App contact_tracing(contact_tracing_config, storage, process);
  health_code::App health_code(health_code_config, storage, process);
  notification::App notification(notification_config, storage, process);
  const SystemClock clock;
  OperationsApi operations(process.pipeline(), clock, process.random(),
                           {&identity.runtime(), &contact_tracing.runtime(), &health_code.runtime(),
                            &notification.runtime()});
  process.readiness().Add("operations");
  process.readiness().SetReady("operations");
  process.AddService(operations, operations::v1::OperationsService::service_full_name(),
                     "operations");

  for (Status status :
       {identity.Start(), contact_tracing.Start(), health_code.Start(), notification.Start()}) {
    if (status.ok()) continue;
    EPIGRID_LOG_ERROR("process.start_failed", {status});
    return 1;
  }
  return process.Run();
}

}  // namespace
}  // namespace epigrid

int main(int argc, char** argv) { return epigrid::Main(argc, argv); }
