// RpcServer: the gRPC port of a process: the services, grpc.health.v1 and reflection.
//
// Life cycle: services are added, Start listens, Shutdown cancels what is left and returns when
// gRPC has let go of everything; after that the services may be destroyed. The queue is there from
// the beginning to the destructor, for those who call others. Health and reflection are open to
// everyone and count towards no limit. Used from one thread, which is not the loop's.
#pragma once

#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/app/health_service.h"
#include "common/app/readiness.h"
#include "common/app/server_config.h"
#include "common/base/status.h"
#include "common/rpc/pipeline.h"

namespace epigrid {

class RpcServer {
 public:
  RpcServer(EventLoop& loop, Readiness& readiness);
  ~RpcServer();

  // `name` is the service's full name; its health follows the readiness of `part`.
  void Add(grpc::Service& service, std::string_view name, std::string_view part);

  bool Has(std::string_view name) const;

  // Where calls come in, and for calls to other servers.
  RpcQueue& queue() { return queue_; }

  // Calls of the services go to the pipeline. FAILED_PRECONDITION with TLS_FILE_UNREADABLE;
  // UNAVAILABLE with LISTEN_FAILED.
  Status Start(const ServerConfig& config, Pipeline& pipeline);
  // Gives what is left `grace` to end, then cancels it.
  void Shutdown(Duration grace);

  int port() const { return port_; }

 private:
  void UpdateHealth();

  struct Entry {
    grpc::Service* service;
    std::string name;
    std::string part;
  };
  Readiness& readiness_;
  grpc::ServerBuilder builder_;
  RpcQueue queue_;
  HealthService health_;
  std::vector<Entry> services_;
  Pipeline* pipeline_ = nullptr;  // once started
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace epigrid
