#include "services/contact_tracing/app.h"

#include "common/service/service_process.h"
#include "services/contact_tracing/domain/contact_tracing_fold.h"

namespace epigrid::contact_tracing {

App::App(const Config& config, const StorageConfig& storage, Process& process)
    : process_(process),
      runtime_(storage.RuntimeOptions(), process.loop(),
               std::make_unique<ContactTracingFold>(storage.shard_count),
               config.Configuration().SerializeAsString(), process.metrics()),
      calls_(runtime_, clock_, process.random()),
      api_(process.pipeline(), calls_, config.Policy(), storage.shard_count) {
  AddToProcess(process, storage, runtime_, api_, v1::ContactTracingService::service_full_name());
}

Status App::Start() {
  EPIGRID_RETURN_IF_ERROR(runtime_.Start());
  process_.OnStop([this] { runtime_.Stop(); });
  return OkStatus();
}

}  // namespace epigrid::contact_tracing
