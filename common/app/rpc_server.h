// RpcServer: the gRPC port of a process: the services, grpc.health.v1 and reflection.
//
// Life cycle: services are added, Start listens, Shutdown cancels what is left and returns when
// gRPC has let go of everything; after that the services may be destroyed. Health and reflection
// are open to everyone and count towards no limit. Used from one thread, but for SetServing.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/app/readiness.h"
#include "common/app/server_config.h"
#include "common/base/status.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace epigrid {

class RpcServer {
 public:
  explicit RpcServer(Readiness& readiness);
  ~RpcServer();

  // `name` is the service's full name; its health follows the readiness of `part`.
  void Add(grpc::Service& service, std::string_view name, std::string_view part);

  bool Has(std::string_view name) const;

  // FAILED_PRECONDITION with TLS_FILE_UNREADABLE; UNAVAILABLE with LISTEN_FAILED.
  Status Start(const ServerConfig& config);
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
  std::vector<Entry> services_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace epigrid
