// epigrid-health-code: the health_code service in a process of its own.
#include "common/app/process.h"
#include "common/service/service_process.h"
#include "common/service/storage_config.h"
#include "services/health_code/app.h"

int main(int argc, char** argv) {
  epigrid::Process process("health_code");
  epigrid::StorageConfig storage;
  epigrid::health_code::Config config;
  storage.AddTo(process.config());
  config.AddTo(process.config());
  if (std::optional<int> exit_code = process.Configure(argc, argv)) return *exit_code;

  epigrid::health_code::App app(config, storage, process);
  return epigrid::ServeApps(process, app);
}
