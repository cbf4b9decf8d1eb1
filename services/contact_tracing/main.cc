// epigrid-contact-tracing: the contact_tracing service in a process of its own.
#include "common/app/process.h"
#include "common/service/service_process.h"
#include "common/service/storage_config.h"
#include "services/contact_tracing/app.h"

int main(int argc, char** argv) {
  epigrid::Process process("contact_tracing");
  epigrid::StorageConfig storage;
  epigrid::contact_tracing::Config config;
  storage.AddTo(process.config());
  config.AddTo(process.config());
  if (std::optional<int> exit_code = process.Configure(argc, argv)) return *exit_code;

  epigrid::contact_tracing::App app(config, storage, process);
  return epigrid::ServeApps(process, app);
}
