#include "services/identity/app.h"

#include "common/log/log.h"
#include "common/service/service_process.h"
#include "services/identity/domain/identity_fold.h"

namespace epigrid::identity {

App::App(const Config& config, const StorageConfig& storage, Process& process)
    : App(config, storage, storage.RuntimeOptions(), process) {}

App::App(const Config& config, const StorageConfig& storage, const ServiceRuntimeOptions& options,
         Process& process)
    : process_(process),
      works_(options.projector),
      zone_(*config.loaded_time_zone),
      hashes_(*config.loaded_master_keys),
      document_shards_(options.shard_count),
      keys_(KeyStorage::Make(storage, {.loop = process.loop(),
                                       .master_keys = *config.loaded_master_keys,
                                       .random = process.random(),
                                       .clock = clock_})),
      runtime_(
          options, process.loop(), std::string(kService),
          [this](EventLoop& loop) -> std::unique_ptr<Fold> {
            return std::make_unique<IdentityFold>(keys_->StoreOn(loop), hashes_.claim_key());
          },
          "", process.metrics()),
      directory_(runtime_.cells(), keys_->store()),
      calls_(runtime_, clock_, process.random()),
      commands_({.keys = keys_->store(),
                 .commands = runtime_.commands(),
                 .gate = runtime_.fold_gate(),
                 .log = runtime_.log(),
                 .shards = runtime_.shards(),
                 .cells = runtime_.cells(),
                 .directory = directory_,
                 .hashes = hashes_,
                 .document_shards = document_shards_,
                 .random = process.random(),
                 .zone = zone_}),
      api_(process.pipeline(), process.metrics(), calls_, commands_, directory_),
      settler_(runtime_.loop(), runtime_.cells(), runtime_.shards(), keys_->store(),
               runtime_.commands(), document_shards_,
               {.shard_count = options.shard_count, .interval = config.lost_claims_interval}),
      compactor_(keys_->Compactor({.interval = config.key_compaction_interval,
                                   .on_failure =
                                       [](const Status& status) {
                                         EPIGRID_LOG_WARN("identity.key_compaction_failed",
                                                          {status});
                                       }})),
      outdated_keys_(process.metrics().Gauge(
          "epigrid_identity_outdated_keys",
          "Persons' keys that the newest master key does not wrap, as counted last")),
      rewrapper_(keys_->store(), runtime_.loop(),
                 {.interval = config.key_rewrap_interval,
                  .on_progress = [this](size_t rewrapped,
                                        size_t outdated) { OnRewrapped(rewrapped, outdated); },
                  .on_failure =
                      [](const Status& status) {
                        EPIGRID_LOG_WARN("identity.key_rewrap_failed", {status});
                      }}) {
  AddToProcess(process, storage, runtime_, api_, v1::IdentityService::service_full_name());
}

// Also when the process ends before Run, as another service could not start.
App::~App() { StopWorkers(); }

Status App::Start() {
  EPIGRID_RETURN_IF_ERROR(runtime_.AwaitAtStart([this] { return keys_->Open(); }));
  EPIGRID_RETURN_IF_ERROR(runtime_.Start());
  if (works_) runtime_.loop().RunOnLoop([this] { StartWorkers(); });
  process_.OnStop([this] {
    StopWorkers();
    runtime_.Stop();
    keys_->Close();
  });
  return OkStatus();
}

void App::StartWorkers() {
  settling_ = settler_.Run();
  settling_.Start();
  if (compactor_.has_value()) {
    compacting_ = compactor_->Run();
    compacting_.Start();
  }
  rewrapping_ = rewrapper_.Run();
  rewrapping_.Start();
}

void App::OnRewrapped(size_t rewrapped, size_t outdated) {
  outdated_keys_.Set(static_cast<double>(outdated));
  if (rewrapped == 0 && outdated == 0) return;
  EPIGRID_LOG_INFO("identity.keys_rewrapped", {"keys", rewrapped}, {"left", outdated});
}

// On their loop, whose thread may be resuming them.
void App::StopWorkers() {
  runtime_.loop().RunOnLoop([this] {
    settling_ = {};
    compacting_ = {};
    rewrapping_ = {};
  });
}

}  // namespace epigrid::identity
