#include "services/notification/app.h"

#include "common/service/service_process.h"
#include "epigrid/identity/v1/identity.grpc.pb.h"
#include "services/notification/domain/notification_fold.h"

namespace epigrid::notification {
namespace {

// Where identity is if no other address is given.
Config WithIdentityHere(Config config, const std::string& listen) {
  if (!config.identity_address.empty()) return config;
  config.identity_address = listen;
  // What listens on all addresses is reached by this one.
  for (const std::string any : {"0.0.0.0:", "[::]:"}) {
    if (listen.starts_with(any)) config.identity_address = "localhost:" + listen.substr(any.size());
  }
  return config;
}

}  // namespace

App::App(Config config, const StorageConfig& storage, Process& process)
    : asks_this_process_(config.identity_address.empty()),
      config_(WithIdentityHere(std::move(config), process.server_config().listen)),
      process_(process),
      runtime_(storage.RuntimeOptions(), process.loop(), std::make_unique<NotificationFold>(),
               config_.Sending().SerializeAsString(), process.metrics()),
      calls_(runtime_, clock_, process.random()),
      api_(process.pipeline(), calls_) {
  runtime_.SetPendingWork([this](Time until) { return PendingMessages(runtime_, until); });
  if (storage.RuntimeOptions().projector) {
    worker_ = std::make_unique<Worker>(config_, runtime_, process.rpc_queue(), storage.ViewRedis(),
                                       clock_, process.random(), process.metrics());
  }
  AddToProcess(process, storage, runtime_, api_, v1::NotificationService::service_full_name());
}

Status App::Start() {
  if (worker_ != nullptr && asks_this_process_ &&
      !process_.Serves(identity::v1::IdentityService::service_full_name())) {
    return FailedPrecondition("IDENTITY_ADDRESS_MISSING",
                              "notification.identity_address must say where identity is: this "
                              "process does not serve it");
  }
  EPIGRID_RETURN_IF_ERROR(runtime_.Start());
  if (worker_ != nullptr) {
    worker_->Start();
    process_.OnLook([this] { worker_->LookAtFiles(); });
  }
  process_.OnStop([this] {
    worker_.reset();
    runtime_.Stop();
  });
  return OkStatus();
}

}  // namespace epigrid::notification
