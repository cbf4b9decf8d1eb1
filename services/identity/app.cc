#include "services/identity/app.h"

#include "common/log/log.h"
#include "common/service/service_process.h"
#include "services/identity/domain/identity_fold.h"

namespace epigrid::identity {
namespace {

// The keys that the fold reads, by a connection of its own on the projector's loop.
struct FoldKeys {
  FoldKeys(EventLoop& loop, const RedisOptions& options, const std::string& name,
           const MasterKeys& master_keys, RandomSource& random, const Clock& clock)
      : redis(loop, options), store(redis, master_keys, random, clock, {.name = name}) {}

  RedisClient redis;
  RedisKeyStore store;
};

}  // namespace

App::App(const Config& config, const StorageConfig& storage, Process& process)
    : App(config, storage, storage.RuntimeOptions(), storage.LogRedis(),
          storage.log_key_prefix + std::string(kService), process) {}

App::App(const Config& config, const StorageConfig& storage, const ServiceRuntimeOptions& options,
         const RedisOptions& key_redis, const std::string& key_name, Process& process)
    : process_(process),
      works_(options.projector),
      zone_(*config.loaded_time_zone),
      hashes_(*config.loaded_master_keys),
      document_shards_(options.shard_count),
      runtime_(
          options, process.loop(), std::string(kService),
          [&](EventLoop& loop) -> std::unique_ptr<Fold> {
            const auto keys = std::make_shared<FoldKeys>(
                loop, key_redis, key_name, *config.loaded_master_keys, process.random(), clock_);
            return std::make_unique<IdentityFold>(std::shared_ptr<KeyStore>(keys, &keys->store),
                                                  hashes_.claim_key());
          },
          "", process.metrics()),
      key_redis_(runtime_.loop(), key_redis),
      keys_(key_redis_, *config.loaded_master_keys, process.random(), clock_, {.name = key_name}),
      directory_(runtime_.cells(), keys_),
      calls_(runtime_, clock_, process.random()),
      commands_({.keys = keys_,
                 .commands = runtime_.commands(),
                 .log = runtime_.log(),
                 .shards = runtime_.shards(),
                 .cells = runtime_.cells(),
                 .directory = directory_,
                 .hashes = hashes_,
                 .document_shards = document_shards_,
                 .random = process.random(),
                 .zone = zone_}),
      api_(process.pipeline(), process.metrics(), calls_, commands_, directory_),
      settler_(runtime_.loop(), runtime_.cells(), runtime_.shards(), keys_, runtime_.commands(),
               document_shards_,
               {.shard_count = options.shard_count, .interval = config.lost_claims_interval}),
      compactor_(key_redis_, runtime_.loop(),
                 {.name = key_name,
                  .interval = config.key_compaction_interval,
                  .on_failure =
                      [](const Status& status) {
                        EPIGRID_LOG_WARN("identity.key_compaction_failed", {status});
                      }}),
      outdated_keys_(process.metrics().Gauge(
          "epigrid_identity_outdated_keys",
          "Persons' keys that the newest master key does not wrap, as counted last")),
      rewrapper_(keys_, runtime_.loop(),
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
  EPIGRID_RETURN_IF_ERROR(
      runtime_.AwaitAtStart([this] { return Run(keys_.CheckRoot()).Wait().status(); }));
  EPIGRID_RETURN_IF_ERROR(runtime_.Start());
  if (works_) runtime_.loop().RunOnLoop([this] { StartWorkers(); });
  process_.OnStop([this] {
    StopWorkers();
    runtime_.Stop();
  });
  return OkStatus();
}

void App::StartWorkers() {
  settling_ = settler_.Run();
  settling_.Start();
  compacting_ = compactor_.Run();
  compacting_.Start();
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
