// The identity service, composed: the only place that knows every concrete type.
#pragma once

#include "common/app/process.h"
#include "common/crypto/key_rewrapper.h"
#include "common/service/service_calls.h"
#include "common/service/service_runtime.h"
#include "common/service/storage_config.h"
#include "services/identity/api/identity_api.h"
#include "services/identity/config.h"
#include "services/identity/key_storage.h"
#include "services/identity/worker/lost_claims.h"

namespace epigrid::identity {

// Life cycle: construct after Process::Configure, Start, then Process::Run, which stops it at its
// end, unless another service could not start; destroy.
class App {
 public:
  // Persons' keys are in the log's Redis.
  App(const Config& config, const StorageConfig& storage, Process& process);

  ~App();

  // Why the service cannot run, if it cannot.
  Status Start();

  ServiceRuntime& runtime() { return runtime_; }

 private:
  void StartWorkers();
  void StopWorkers();
  // After a count or some of a rewrapping.
  void OnRewrapped(size_t rewrapped, size_t outdated);

  App(const Config& config, const StorageConfig& storage, const ServiceRuntimeOptions& options,
      Process& process);

  Process& process_;
  const bool works_;  // this process has the projector's role, which the workers come with
  SystemClock clock_;
  const TimeZone zone_;
  const IdentityHashes hashes_;
  const DocumentShards document_shards_;
  const std::unique_ptr<KeyStorage> keys_;
  ServiceRuntime runtime_;
  const PersonDirectory directory_;
  ServiceCalls calls_;
  const IdentityCommands commands_;
  IdentityApi api_;
  LostClaimSettler settler_;
  std::optional<KeyCompactor> compactor_;
  prometheus::Gauge& outdated_keys_;
  KeyRewrapper rewrapper_;
  Task<void> settling_;
  Task<void> compacting_;
  Task<void> rewrapping_;
};

}  // namespace epigrid::identity
