// HealthService: grpc.health.v1, open to everyone. gRPC's own would bring callback threads, which
// rpc_queue.h tells to keep out of a process that serves.
//
// It is a blocking service, as reflection is, on threads that gRPC makes for the two: a Check
// blocks nothing, a Watch keeps a thread, so that there are few of them. Threads: all of it from
// any.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"

namespace epigrid {

class HealthService final : public grpc::health::v1::Health::Service {
 public:
  // Of a service by its full name, or of the whole process by "". One never set is unknown.
  void Set(const std::string& service, bool serving);
  // Ends all watches, now and from now on.
  void Stop();

  // NOT_FOUND for a service that is unknown.
  grpc::Status Check(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override;
  // RESOURCE_EXHAUSTED when too many watch.
  grpc::Status Watch(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::ServerWriter<grpc::health::v1::HealthCheckResponse>* writer) override;

 private:
  using Serving = grpc::health::v1::HealthCheckResponse::ServingStatus;

  Serving StatusOf(const std::string& service) const;  // with mutex_ held

  std::mutex mutex_;  // for the rest
  std::condition_variable changed_;
  std::map<std::string, Serving> services_;
  int watchers_ = 0;
  bool stopped_ = false;
};

}  // namespace epigrid
