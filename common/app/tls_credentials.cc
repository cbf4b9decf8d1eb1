#include "common/app/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <mutex>
#include <utility>

namespace epigrid {
namespace {

class ReloadedServerCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadedServerCredentials(std::shared_ptr<const TlsFiles> files)
      : files_(std::move(files)) {
    const auto request = files_->Get()->ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                                   : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(request, &Fetch, this));
  }
  ~ReloadedServerCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {
    EPIGRID_CHECK(false, "callers are known by the pipeline");
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // Before each handshake, on any thread.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<ReloadedServerCredentials*>(self)->FetchInto(*config);
  }
  grpc_ssl_certificate_config_reload_status FetchInto(grpc_ssl_server_certificate_config*& config) {
    const std::shared_ptr<const TlsMaterial> material = files_->Get();
    std::lock_guard lock(mutex_);
    if (material == handed_over_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair{material->key.c_str(), material->certificate.c_str()};
    config = grpc_ssl_server_certificate_config_create(
        material->ca.empty() ? nullptr : material->ca.c_str(), &pair, 1);
    handed_over_ = material;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::shared_ptr<const TlsFiles> files_;
  grpc_server_credentials* credentials_ = nullptr;
  std::mutex mutex_;  // for the next
  std::shared_ptr<const TlsMaterial> handed_over_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(
    std::shared_ptr<const TlsFiles> files) {
  return std::make_shared<ReloadedServerCredentials>(std::move(files));
}

std::shared_ptr<grpc::ChannelCredentials> TlsChannelCredentials(const TlsMaterial& material) {
  return grpc::SslCredentials({.pem_root_certs = material.ca,
                               .pem_private_key = material.key,
                               .pem_cert_chain = material.certificate});
}

}  // namespace epigrid
