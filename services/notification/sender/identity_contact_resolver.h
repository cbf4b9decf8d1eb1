// IdentityContactResolver: asks identity where people can be reached, for the purpose of
// notification.
//
// Life cycle: the queue outlives it; the destructor cancels what is under way and runs on another
// thread than the loop's. LookAtFiles, every few seconds, takes over certificates that were
// replaced: by another connection, while what is under way ends on the former. Threads: Resolve
// from any; Futures are set on the loop's; LookAtFiles from one.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "common/app/tls_files.h"
#include "common/rpc/rpc_queue.h"
#include "epigrid/identity/v1/identity.grpc.pb.h"
#include "services/notification/sender/contact_resolver.h"

namespace epigrid::notification {

struct IdentityOptions {
  std::string address;  // host:port
  // Who signs identity's certificate and, if it is to know us by one, our own; nullptr: no TLS.
  std::shared_ptr<TlsFiles> tls;
  std::string tls_name;  // the name in that certificate; empty: the address's host
  std::string token;     // sent as "authorization: Bearer"; empty: none
  Duration deadline = std::chrono::seconds(2);
};

class IdentityContactResolver final : public ContactResolver {
 public:
  IdentityContactResolver(RpcQueue& queue, IdentityOptions options);
  ~IdentityContactResolver() override;

  // UNAVAILABLE, DEADLINE_EXCEEDED and whatever identity answers to the call as a whole.
  Future<Result<std::vector<ResolvedContact>>> Resolve(
      std::vector<std::string> person_ids) override;

  void LookAtFiles();

 private:
  struct Pending;
  void Answer(Pending* pending);

  RpcQueue& queue_;
  const IdentityOptions options_;
  std::mutex mutex_;  // for the next
  std::shared_ptr<identity::v1::IdentityService::Stub> stub_;
  std::map<Pending*, std::unique_ptr<Pending>> pending_;
  std::condition_variable changed_;
};

}  // namespace epigrid::notification
