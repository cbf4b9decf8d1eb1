#include "services/notification/sender/testing/identity_server.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <map>
#include <mutex>

#include "common/rpc/status_details.h"
#include "epigrid/identity/v1/identity.grpc.pb.h"

namespace epigrid::notification {

using identity::v1::ResolveContactPointsRequest;
using identity::v1::ResolveContactPointsResponse;

class IdentityServer::Service final : public identity::v1::IdentityService::Service {
 public:
  Service(std::string token, const std::shared_ptr<grpc::ServerCredentials>& credentials)
      : authorization_("Bearer " + std::move(token)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~Service() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status ResolveContactPoints(grpc::ServerContext* context,
                                    const ResolveContactPointsRequest* request,
                                    ResolveContactPointsResponse* response) override {
    const auto& metadata = context->client_metadata();
    const auto token = metadata.find("authorization");
    if (token == metadata.end() ||
        std::string_view(token->second.data(), token->second.size()) != authorization_) {
      return ToGrpcStatus(Status(Code::kUnauthenticated, "TOKEN_UNKNOWN", "no such token"));
    }
    if (request->purpose() != identity::v1::CONTACT_PURPOSE_NOTIFICATION) {
      return ToGrpcStatus(InvalidArgument("PURPOSE_MISSING", "say what for"));
    }
    std::lock_guard lock(mutex);
    ++calls;
    if (!available) return ToGrpcStatus(Unavailable("DRAINING", "going away"));
    for (const std::string& person_id : request->person_ids()) {
      const auto person = people.find(person_id);
      if (person == people.end()) {
        SetProtoStatus(NotFound("PERSON_UNKNOWN", "nobody has this id"),
                       response->add_results()->mutable_status());
      } else {
        *response->add_results() = person->second;
      }
    }
    return grpc::Status::OK;
  }

  int port = 0;
  std::mutex mutex;  // for what follows
  std::map<std::string, identity::v1::ResolvedContact> people;
  bool available = true;
  size_t calls = 0;

 private:
  const std::string authorization_;
  std::unique_ptr<grpc::Server> server_;
};

IdentityServer::IdentityServer(std::string token,
                               const std::shared_ptr<grpc::ServerCredentials>& credentials)
    : service_(std::make_unique<Service>(std::move(token), credentials)) {}
IdentityServer::~IdentityServer() = default;

std::string IdentityServer::address() const { return fmt::format("127.0.0.1:{}", service_->port); }

void IdentityServer::Set(const std::string& person_id, std::vector<ContactPoint> points,
                         const std::string& language, bool guardian_answers) {
  identity::v1::ResolvedContact contact;
  contact.set_language(language);
  contact.set_guardian_answers(guardian_answers);
  for (ContactPoint& point : points) {
    identity::v1::ContactPoint& added = *contact.add_contact_points();
    added.set_endpoint(std::move(point.endpoint));
    added.set_address(std::move(point.address));
  }
  std::lock_guard lock(service_->mutex);
  service_->people[person_id] = std::move(contact);
}

void IdentityServer::set_available(bool available) {
  std::lock_guard lock(service_->mutex);
  service_->available = available;
}

size_t IdentityServer::calls() const {
  std::lock_guard lock(service_->mutex);
  return service_->calls;
}

}  // namespace epigrid::notification
