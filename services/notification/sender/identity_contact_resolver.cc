#include "services/notification/sender/identity_contact_resolver.h"

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "common/app/tls_credentials.h"
#include "common/rpc/status_details.h"

namespace epigrid::notification {
namespace {

using identity::v1::IdentityService;
using Contacts = Result<std::vector<ResolvedContact>>;

constexpr int kReconnectMinMs = 100;
constexpr int kReconnectMaxMs = 2000;

std::shared_ptr<IdentityService::Stub> MakeStub(const IdentityOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMinMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMinMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMaxMs);
  if (!options.tls_name.empty()) arguments.SetSslTargetNameOverride(options.tls_name);
  const std::shared_ptr<grpc::ChannelCredentials> credentials =
      options.tls == nullptr ? grpc::InsecureChannelCredentials()
                             : TlsChannelCredentials(*options.tls->Get());
  return IdentityService::NewStub(
      grpc::CreateCustomChannel(options.address, credentials, arguments));
}

Contacts ContactsOf(const identity::v1::ResolveContactPointsResponse& response, size_t asked) {
  if (static_cast<size_t>(response.results_size()) != asked) {
    return Unavailable("IDENTITY_ANSWER_MALFORMED",
                       "identity did not answer with one result for each person");
  }
  std::vector<ResolvedContact> contacts;
  for (const identity::v1::ResolvedContact& result : response.results()) {
    ResolvedContact& contact = contacts.emplace_back();
    contact.status = FromProtoStatus(result.status());
    contact.language = result.language();
    contact.guardian_answers = result.guardian_answers();
    for (const auto& point : result.contact_points()) {
      contact.contact_points.push_back({point.endpoint(), point.address()});
    }
  }
  return contacts;
}

}  // namespace

struct IdentityContactResolver::Pending final : RpcQueue::Tag {
  explicit Pending(IdentityContactResolver& of) : resolver(of) {}
  void OnEvent(bool) override { resolver.Answer(this); }

  IdentityContactResolver& resolver;
  std::shared_ptr<IdentityService::Stub> stub;
  grpc::ClientContext context;
  identity::v1::ResolveContactPointsRequest request;
  identity::v1::ResolveContactPointsResponse response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<identity::v1::ResolveContactPointsResponse>>
      reader;
  Promise<Contacts> done;
};

IdentityContactResolver::IdentityContactResolver(RpcQueue& queue, IdentityOptions options)
    : queue_(queue), options_(std::move(options)), stub_(MakeStub(options_)) {}

IdentityContactResolver::~IdentityContactResolver() {
  std::unique_lock lock(mutex_);
  for (const auto& [pending, owned] : pending_) pending->context.TryCancel();
  changed_.wait(lock, [this] { return pending_.empty(); });
}

Future<Contacts> IdentityContactResolver::Resolve(std::vector<std::string> person_ids) {
  EPIGRID_CHECK(person_ids.size() <= kPeoplePerResolveMax, "one call resolves so many");
  auto owned = std::make_unique<Pending>(*this);
  Pending* const pending = owned.get();
  pending->request.set_purpose(identity::v1::CONTACT_PURPOSE_NOTIFICATION);
  for (std::string& person_id : person_ids) {
    pending->request.add_person_ids(std::move(person_id));
  }
  if (!options_.token.empty()) {
    pending->context.AddMetadata("authorization", "Bearer " + options_.token);
  }
  pending->context.set_wait_for_ready(true);
  pending->context.set_deadline(std::chrono::system_clock::now() + options_.deadline);
  Future<Contacts> future = pending->done.future();
  std::lock_guard lock(mutex_);
  pending_.emplace(pending, std::move(owned));
  pending->stub = stub_;
  pending->reader = stub_->AsyncResolveContactPoints(&pending->context, pending->request,
                                                     queue_.completion_queue());
  pending->reader->Finish(&pending->response, &pending->status, pending);
  return future;
}

void IdentityContactResolver::LookAtFiles() {
  if (options_.tls == nullptr || !options_.tls->Look()) return;
  std::shared_ptr<IdentityService::Stub> stub = MakeStub(options_);
  std::lock_guard lock(mutex_);
  stub_.swap(stub);
}

void IdentityContactResolver::Answer(Pending* pending) {
  const auto asked = static_cast<size_t>(pending->request.person_ids_size());
  const Promise<Contacts> done = pending->done;
  Contacts contacts = pending->status.ok() ? ContactsOf(pending->response, asked)
                                           : Contacts(FromGrpcStatus(pending->status));
  {
    std::lock_guard lock(mutex_);
    pending_.erase(pending);
    changed_.notify_all();
  }
  done.Set(std::move(contacts));
}

}  // namespace epigrid::notification
