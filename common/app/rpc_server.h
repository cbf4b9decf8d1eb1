// RpcServer: the gRPC port of a process: the services, grpc.health.v1 and reflection.
//
// Life cycle: services are added, Start listens, Shutdown cancels what is left and returns when
// gRPC has let go of everything; after that the services may be destroyed. LookAtFiles, every few
// seconds in between, takes over certificates that were replaced (tls_files.h). The queue is there
// from the beginning to the destructor, for those who call others. Health and reflection are open
// to everyone and count towards no limit. Used from one thread, which is not the loop's.
#pragma once

#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/app/health_service.h"
#include "common/app/readiness.h"
#include "common/app/server_config.h"
#include "common/app/tls_files.h"
#include "common/base/status.h"
#include "common/metrics/metrics.h"
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

  // Calls of the services go to the pipeline. FAILED_PRECONDITION with TLS_FILE_UNREADABLE or
  // TLS_FILE_INVALID; UNAVAILABLE with LISTEN_FAILED.
  Status Start(const ServerConfig& config, Pipeline& pipeline, Metrics& metrics);
  void LookAtFiles();
  // Closes all connections: what has not been answered is UNAVAILABLE to its client. Gives gRPC
  // `grace` to let go of the calls.
  void Shutdown(Duration grace);

  int port() const { return port_; }

 private:
  void UpdateHealth();
  Result<std::shared_ptr<grpc::ServerCredentials>> Credentials(const ServerConfig& config,
                                                               Metrics& metrics);
  void ShowExpiry();
  // Every connection, and the port.
  void Close();

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
  std::shared_ptr<TlsFiles> tls_files_;       // nullptr: no TLS
  prometheus::Gauge* tls_expires_ = nullptr;  // the same
  Pipeline* pipeline_ = nullptr;              // once started
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace epigrid
