// How a process serves: addresses, certificates, callers, limits. The settings server.*, admin.*
// and log.*.
#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "common/config/config.h"
#include "common/rpc/loopback.h"
#include "common/rpc/pipeline.h"

namespace epigrid {

struct ServerConfig {
  std::string listen = "127.0.0.1:50051";
  bool insecure_listen = false;
  std::filesystem::path tls_certificate;  // PEM, with its chain
  std::filesystem::path tls_key;          // PEM
  std::filesystem::path
      tls_client_ca;              // PEM; if set, clients may show certificates signed by these
  std::filesystem::path callers;  // callers.h; empty: everyone is the local operator
  Duration drain_delay{0};
  Duration drain_deadline = std::chrono::seconds(20);
  PipelineOptions pipeline;

  std::string admin_listen = "127.0.0.1:9090";  // empty: no admin port
  bool admin_insecure_listen = false;
  std::string log_level = "info";

  // Declares the settings and the rules between them, among them: beyond loopback only with TLS and
  // callers.
  void AddTo(ConfigSpec& spec);
};

}  // namespace epigrid
