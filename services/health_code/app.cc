#include "services/health_code/app.h"

#include "common/service/service_process.h"
#include "services/health_code/domain/health_code_fold.h"

namespace epigrid::health_code {

App::App(const Config& config, const StorageConfig& storage, Process& process)
    : process_(process),
      runtime_(storage.RuntimeOptions(), process.loop(), std::make_unique<HealthCodeFold>(),
               config.Policy().SerializeAsString(), process.metrics()),
      calls_(runtime_, clock_, process.random()),
      api_(process.pipeline(), calls_, std::chrono::hours(24 * config.evidence_age_days_max)) {
  AddToProcess(process, storage, runtime_, api_, v1::HealthCodeService::service_full_name());
}

Status App::Start() {
  EPIGRID_RETURN_IF_ERROR(runtime_.Start());
  process_.OnStop([this] { runtime_.Stop(); });
  return OkStatus();
}

}  // namespace epigrid::health_code
