#include "common/app/health_service.h"

#include <chrono>
#include <optional>

namespace epigrid {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr int kWatchersMax = 64;
// How long a watcher that went away may keep its thread.
constexpr auto kLookForClientEvery = std::chrono::seconds(1);

}  // namespace

void HealthService::Set(const std::string& service, bool serving) {
  std::lock_guard lock(mutex_);
  services_[service] = serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  changed_.notify_all();
}

void HealthService::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

HealthService::Serving HealthService::StatusOf(const std::string& service) const {
  const auto found = services_.find(service);
  return found == services_.end() ? HealthCheckResponse::SERVICE_UNKNOWN : found->second;
}

grpc::Status HealthService::Check(grpc::ServerContext*, const HealthCheckRequest* request,
                                  HealthCheckResponse* response) {
  std::lock_guard lock(mutex_);
  const Serving status = StatusOf(request->service());
  if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
    return {grpc::StatusCode::NOT_FOUND, "this server has no such service"};
  }
  response->set_status(status);
  return grpc::Status::OK;
}

grpc::Status HealthService::Watch(grpc::ServerContext* context, const HealthCheckRequest* request,
                                  grpc::ServerWriter<HealthCheckResponse>* writer) {
  std::unique_lock lock(mutex_);
  if (watchers_ >= kWatchersMax) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many watch; call Check instead"};
  }
  ++watchers_;
  std::optional<Serving> told;
  while (!stopped_ && !context->IsCancelled()) {
    const Serving status = StatusOf(request->service());
    if (told != status) {
      told = status;
      HealthCheckResponse response;
      response.set_status(status);
      lock.unlock();
      const bool sent = writer->Write(response);
      lock.lock();
      if (!sent) break;
      continue;  // it may have changed meanwhile
    }
    changed_.wait_for(lock, kLookForClientEvery);
  }
  --watchers_;
  return {grpc::StatusCode::UNAVAILABLE, "the server is going away"};
}

}  // namespace epigrid
