#include "tools/epigridctl/connection.h"

#include <fmt/format.h>
#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <future>
#include <optional>

#include "common/config/command_line.h"
#include "common/rpc/loopback.h"
#include "common/rpc/status_details.h"

namespace epigrid::ctl {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageLite;
using Stub = grpc::TemplatedGenericStub<MessageLite, MessageLite>;

constexpr int kAnswerBytesMax = 64 << 20;

Result<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const ServerOptions& options) {
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return InvalidArgument("TLS_OPTIONS_INCOMPLETE", "give --tls-cert and --tls-key together");
  }
  if (options.tls_ca.empty() && options.tls_certificate.empty()) {
    return grpc::InsecureChannelCredentials();
  }
  grpc::SslCredentialsOptions ssl;
  if (!options.tls_ca.empty()) {
    EPIGRID_ASSIGN_OR_RETURN(ssl.pem_root_certs, ReadFile(options.tls_ca));
  }
  if (!options.tls_certificate.empty()) {
    EPIGRID_ASSIGN_OR_RETURN(ssl.pem_cert_chain, ReadFile(options.tls_certificate));
    EPIGRID_ASSIGN_OR_RETURN(ssl.pem_private_key, ReadFile(options.tls_key));
  }
  return grpc::SslCredentials(ssl);
}

struct NamedAddress {
  std::string service;  // empty: all
  std::string address;
};

Result<NamedAddress> ParseServer(const std::string& text) {
  NamedAddress server{.service = "", .address = text};
  if (const size_t equals = text.find('='); equals != std::string::npos) {
    server = {.service = text.substr(0, equals), .address = text.substr(equals + 1)};
  }
  const size_t colon = server.address.rfind(':');
  const bool has_service = server.address.size() != text.size();
  if (colon == std::string::npos || colon == 0 || colon + 1 == server.address.size() ||
      (has_service && server.service.empty())) {
    return InvalidArgument("SERVER_MALFORMED",
                           "a server is HOST:PORT, or SERVICE=HOST:PORT for one service, such as "
                           "identity=127.0.0.1:50051")
        .With("field", "--server");
  }
  return server;
}

}  // namespace

Connection::Connection(std::string address, std::shared_ptr<grpc::Channel> channel,
                       std::string token, Duration timeout)
    : address_(std::move(address)),
      channel_(std::move(channel)),
      token_(std::move(token)),
      timeout_(timeout) {}

Connection::~Connection() = default;

void Connection::Prepare(grpc::ClientContext& context, Duration timeout) const {
  context.set_deadline(std::chrono::system_clock::now() +
                       (timeout == Duration(0) ? timeout_ : timeout));
  if (!token_.empty()) context.AddMetadata("authorization", "Bearer " + token_);
}

Status Connection::Call(const std::string& method, const Message& request, Message* response,
                        Duration timeout) {
  grpc::ClientContext context;
  Prepare(context, timeout);
  std::promise<grpc::Status> answered;
  Stub(channel_).UnaryCall(&context, method, {}, &request, response,
                           [&answered](grpc::Status status) { answered.set_value(status); });
  Status status = FromGrpcStatus(answered.get_future().get());
  return status.ok() ? status : std::move(status).With("server", address_);
}

Status Connection::Exchange(const std::string& method,
                            const std::vector<std::unique_ptr<Message>>& requests,
                            Message* response, const std::function<void()>& on_response,
                            Duration timeout) {
  grpc::ClientContext context;
  Prepare(context, timeout);
  grpc::CompletionQueue queue;
  const auto done = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto stream = Stub(channel_).PrepareCall(&context, method, &queue);
  stream->StartCall(nullptr);
  bool ok = done();
  for (const auto& request : requests) {
    if (!ok) break;
    stream->Write(*request, nullptr);
    ok = done();
  }
  if (ok) {
    stream->WritesDone(nullptr);
    done();
  }
  // Also after a failed write: what the server has said before it broke off is worth reading.
  while (true) {
    stream->Read(response, nullptr);
    if (!done()) break;
    on_response();
  }
  grpc::Status finished;
  stream->Finish(&finished, nullptr);
  done();
  Status status = FromGrpcStatus(finished);
  return status.ok() ? status : std::move(status).With("server", address_);
}

Result<Servers> Servers::Create(const ServerOptions& options) {
  EPIGRID_ASSIGN_OR_RETURN(const auto credentials, Credentials(options));
  const bool with_tls = !options.tls_ca.empty() || !options.tls_certificate.empty();
  std::vector<NamedAddress> named;
  for (const std::string& text : options.servers) {
    EPIGRID_ASSIGN_OR_RETURN(named.emplace_back(), ParseServer(text));
  }
  // Whoever says where services are means these: the default is for calls to others then.
  const size_t asked_count = std::max<size_t>(named.size(), 1);
  if (std::ranges::none_of(named, [](const auto& server) { return server.service.empty(); })) {
    named.push_back({.service = "", .address = "127.0.0.1:50051"});
  }
  Servers servers;
  std::map<std::string, std::shared_ptr<Connection>> by_address;
  for (size_t i = 0; i < named.size(); ++i) {
    const NamedAddress& server = named[i];
    if (!options.token.empty() && !with_tls && !options.insecure && !IsLoopback(server.address)) {
      return FailedPrecondition("TOKEN_UNPROTECTED",
                                fmt::format("the token would travel to {} in the clear: give "
                                            "--tls-ca, or --insecure if the way there is safe",
                                            server.address));
    }
    std::shared_ptr<Connection>& connection = by_address[server.address];
    if (connection == nullptr) {
      grpc::ChannelArguments arguments;
      arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
      connection = std::make_shared<Connection>(
          server.address, grpc::CreateCustomChannel(server.address, credentials, arguments),
          options.token, options.timeout);
      if (i < asked_count) servers.all_.push_back(connection);
    }
    servers.by_service_[server.service] = connection;
  }
  return servers;
}

Connection& Servers::Of(std::string_view service) const {
  const auto found = by_service_.find(service);
  return found == by_service_.end() ? *by_service_.find("")->second : *found->second;
}

Connection& Servers::OfFullName(std::string_view name) const {
  constexpr std::string_view kPackage = "epigrid.";
  if (name.starts_with('/')) name.remove_prefix(1);
  if (!name.starts_with(kPackage)) return Of("");
  name.remove_prefix(kPackage.size());
  return Of(name.substr(0, name.find('.')));
}

}  // namespace epigrid::ctl
