// TLS for gRPC, with certificates that are replaced while it serves and calls.
//
//   builder.AddListeningPort(address, TlsServerCredentials(files));
//   channel = grpc::CreateCustomChannel(address, TlsChannelCredentials(*files->Get()), arguments);
//
// A server asks for the material in force at every new connection; those that are there live on. A
// channel's material is its own: who wants other material makes another channel.
//
// gRPC 1.51 has a FileWatcherCertificateProvider for its TlsServerCredentials. It is not used: it
// takes over whatever lies on disk, and a key of another certificate leaves the server without any
// for new connections. The fetcher of its SSL credentials keeps what it had.
#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "common/app/tls_files.h"

namespace epigrid {

// Clients may show a certificate if there is a CA; one that is shown must be good.
std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(
    std::shared_ptr<const TlsFiles> files);

// The server's certificate must be signed by the CA, or by who the system trusts if there is none;
// the client's own is shown if there is one.
std::shared_ptr<grpc::ChannelCredentials> TlsChannelCredentials(const TlsMaterial& material);

}  // namespace epigrid
