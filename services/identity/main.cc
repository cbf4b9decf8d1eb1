// epigrid-identity: the identity service in a process of its own.
#include "common/app/process.h"
#include "common/service/service_process.h"
#include "common/service/storage_config.h"
#include "services/identity/app.h"

int main(int argc, char** argv) {
  epigrid::Process process("identity");
  epigrid::StorageConfig storage;
  epigrid::identity::Config config;
  storage.AddTo(process.config());
  config.AddTo(process.config());
  if (std::optional<int> exit_code = process.Configure(argc, argv)) return *exit_code;

  epigrid::identity::App app(config, storage, process);
  return epigrid::ServeApps(process, app);
}
