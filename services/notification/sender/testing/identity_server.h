// IdentityServer: IdentityService.ResolveContactPoints over real gRPC, for tests, on a free port of
// 127.0.0.1.
//
//   IdentityServer identity("token");
//   identity.Set(person_id, {{"web", "address"}});
//   identity.set_available(false);
//
// Calls without the token or the purpose NOTIFICATION are refused. Threads: any.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>
#include <vector>

#include "services/notification/sender/contact_resolver.h"

namespace epigrid::notification {

class IdentityServer {
 public:
  explicit IdentityServer(std::string token,
                          const std::shared_ptr<grpc::ServerCredentials>& credentials =
                              grpc::InsecureServerCredentials());
  ~IdentityServer();

  std::string address() const;
  // Others are PERSON_UNKNOWN.
  void Set(const std::string& person_id, std::vector<ContactPoint> points,
           const std::string& language = "en", bool guardian_answers = false);
  void set_available(bool available);
  size_t calls() const;

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace epigrid::notification
