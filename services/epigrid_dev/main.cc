// epigrid-dev: all four services in one process on one port, for a single machine.
#include "common/app/process.h"
#include "common/service/service_process.h"
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
  return ServeApps(process, identity, contact_tracing, health_code, notification);
}

}  // namespace
}  // namespace epigrid

int main(int argc, char** argv) { return epigrid::Main(argc, argv); }
