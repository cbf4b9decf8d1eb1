#include "common/app/rpc_server.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "common/config/command_line.h"

namespace epigrid {
namespace {

Result<std::string> ReadPem(const std::filesystem::path& path) {
  Result<std::string> text = ReadFile(path);
  if (text.ok()) return text;
  return FailedPrecondition("TLS_FILE_UNREADABLE", text.status().message());
}

Result<std::shared_ptr<grpc::ServerCredentials>> Credentials(const ServerConfig& config) {
  if (config.tls_certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  EPIGRID_ASSIGN_OR_RETURN(std::string certificate, ReadPem(config.tls_certificate));
  EPIGRID_ASSIGN_OR_RETURN(std::string key, ReadPem(config.tls_key));
  options.pem_key_cert_pairs.push_back({std::move(key), std::move(certificate)});
  if (!config.tls_client_ca.empty()) {
    EPIGRID_ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem(config.tls_client_ca));
    // Not required: other clients show a token instead. One that is shown must be good.
    options.client_certificate_request = GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return grpc::SslServerCredentials(options);
}

}  // namespace

RpcServer::RpcServer(EventLoop& loop, Readiness& readiness)
    : readiness_(readiness), queue_(loop, builder_.AddCompletionQueue()) {}

RpcServer::~RpcServer() { Shutdown(Duration(0)); }

void RpcServer::Add(grpc::Service& service, std::string_view name, std::string_view part) {
  EPIGRID_CHECK(server_ == nullptr, "services are added before the server starts");
  services_.push_back({&service, std::string(name), std::string(part)});
}

bool RpcServer::Has(std::string_view name) const {
  return std::ranges::any_of(services_, [&](const Entry& entry) { return entry.name == name; });
}

Status RpcServer::Start(const ServerConfig& config, Pipeline& pipeline) {
  EPIGRID_ASSIGN_OR_RETURN(std::shared_ptr<grpc::ServerCredentials> credentials,
                           Credentials(config));
  grpc::EnableDefaultHealthCheckService(false);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // Twice what is taken: gRPC cuts longer requests off without the reason that the pipeline gives.
  builder_.SetMaxReceiveMessageSize(2 * static_cast<int>(config.pipeline.message_bytes_max));
  // Or two processes would share a port without a word.
  builder_.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Deadlines are the pipeline's: gRPC would set and cancel a timer for each call.
  builder_.AddChannelArgument(GRPC_ARG_ENABLE_DEADLINE_CHECKS, 0);
  // Its counts are in our metrics.
  builder_.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder_.AddListeningPort(config.listen, credentials, &port_);
  // For health and reflection, whose few calls need no more.
  builder_.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder_.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  builder_.RegisterService(&health_);
  std::vector<grpc::Service*> services;
  for (const Entry& entry : services_) {
    builder_.RegisterService(entry.service);
    services.push_back(entry.service);
  }
  builder_.RegisterAsyncGenericService(&pipeline.unknown_methods());
  server_ = builder_.BuildAndStart();
  const bool unix_socket = config.listen.starts_with("unix");
  if (server_ == nullptr || (port_ == 0 && !unix_socket)) {
    server_.reset();
    return Unavailable(
        "LISTEN_FAILED",
        fmt::format("cannot serve gRPC on {}; is the port taken, is the certificate good?",
                    config.listen));
  }
  readiness_.Listen([this] { UpdateHealth(); });
  pipeline_ = &pipeline;
  pipeline_->Open(queue_, services);
  return OkStatus();
}

void RpcServer::UpdateHealth() {
  for (const Entry& entry : services_) health_.Set(entry.name, readiness_.IsReady(entry.part));
  health_.Set("", readiness_.ready());
}

void RpcServer::Shutdown(Duration grace) {
  if (server_ == nullptr) return;
  readiness_.Listen(nullptr);
  health_.Stop();
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
  pipeline_->Close();
  server_.reset();
}

}  // namespace epigrid
