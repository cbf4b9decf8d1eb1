// epigrid-notification: the notification service in a process of its own.
#include "common/app/process.h"
#include "common/service/service_process.h"
#include "common/service/storage_config.h"
#include "services/notification/app.h"

int main(int argc, char** argv) {
  epigrid::Process process("notification");
  epigrid::StorageConfig storage;
  epigrid::notification::Config config;
  storage.AddTo(process.config());
  config.AddTo(process.config());
  if (std::optional<int> exit_code = process.Configure(argc, argv)) return *exit_code;

  epigrid::notification::App app(config, storage, process);
  return epigrid::ServeApps(process, app);
}
