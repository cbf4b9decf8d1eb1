#include "common/app/rpc_server.h"

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "common/app/tls_credentials.h"

namespace epigrid {
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

Result<std::shared_ptr<grpc::ServerCredentials>> RpcServer::Credentials(const ServerConfig& config,
                                                                        Metrics& metrics) {
  if (config.tls_certificate.empty()) return grpc::InsecureServerCredentials();
  tls_files_ = std::make_shared<TlsFiles>(TlsPaths{
      .certificate = config.tls_certificate, .key = config.tls_key, .ca = config.tls_client_ca});
  EPIGRID_RETURN_IF_ERROR(tls_files_->Load());
  tls_expires_ = &metrics.Gauge("epigrid_tls_certificate_expiry_timestamp_seconds",
                                "When the server's certificate expires, in Unix time");
  ShowExpiry();
  return TlsServerCredentials(tls_files_);
}

void RpcServer::ShowExpiry() {
  tls_expires_->Set(static_cast<double>(tls_files_->Get()->expires.micros) / 1e6);
}

void RpcServer::LookAtFiles() {
  if (tls_files_ != nullptr && tls_files_->Look()) ShowExpiry();
}

Status RpcServer::Start(const ServerConfig& config, Pipeline& pipeline, Metrics& metrics) {
  EPIGRID_ASSIGN_OR_RETURN(std::shared_ptr<grpc::ServerCredentials> credentials,
                           Credentials(config, metrics));
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

// A call that comes to a server which is shutting down is reset by gRPC, and its client told
// CANCELLED, which nobody tries again. One whose connection breaks is UNAVAILABLE. So connections
// are closed first and the server is shut down in the same breath, on the thread that reads them;
// what was let in has been answered (Pipeline::Drain).
void RpcServer::Close() {
  grpc_completion_queue* const queue = grpc_completion_queue_create_for_next(nullptr);
  queue_.loop().RunOnLoop([&] {
    grpc_server_cancel_all_calls(server_->c_server());
    grpc_server_shutdown_and_notify(server_->c_server(), queue, nullptr);
  });
  grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), nullptr);
  grpc_completion_queue_shutdown(queue);
  grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), nullptr);
  grpc_completion_queue_destroy(queue);
}

void RpcServer::Shutdown(Duration grace) {
  if (server_ == nullptr) return;
  readiness_.Listen(nullptr);
  health_.Stop();
  Close();
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
  pipeline_->Close();
  server_.reset();
}

}  // namespace epigrid
