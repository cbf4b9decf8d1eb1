// IdentityContactResolver: asks identity where people can be reached, for the purpose of
// notification.
//
// Life cycle: the queue outlives it; the destructor cancels what is under way and runs on another
// thread than the loop's. Threads: Resolve from any; Futures are set on the loop's.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "common/rpc/rpc_queue.h"
#include "epigrid/identity/v1/identity.grpc.pb.h"
#include "services/notification/sender/contact_resolver.h"

namespace epigrid::notification {

struct IdentityOptions {
  std::string address;      // host:port
  std::string certificate;  // PEM of who signs identity's certificate; empty: no TLS
  std::string tls_name;     // the name in that certificate; empty: the address's host
  std::string token;        // sent as "authorization: Bearer"; empty: none
  Duration deadline = std::chrono::seconds(2);
};

class IdentityContactResolver final : public ContactResolver {
 public:
  IdentityContactResolver(RpcQueue& queue, IdentityOptions options);
  ~IdentityContactResolver() override;

  // UNAVAILABLE, DEADLINE_EXCEEDED and whatever identity answers to the call as a whole.
  Future<Result<std::vector<ResolvedContact>>> Resolve(
      std::vector<std::string> person_ids) override;

 private:
  struct Pending;
  void Answer(Pending* pending);

  RpcQueue& queue_;
  const IdentityOptions options_;
  const std::unique_ptr<identity::v1::IdentityService::Stub> stub_;
  std::mutex mutex_;  // for the next
  std::map<Pending*, std::unique_ptr<Pending>> pending_;
  std::condition_variable changed_;
};

}  // namespace epigrid::notification
