// AdminServer: the HTTP port for probes, Prometheus and operators.
//
//   GET /metrics        Prometheus text
//   GET /healthz/live   200 while the process runs
//   GET /healthz/ready  200, or 503 with what is not ready and why
//   GET /configz        the effective configuration, redacted; for callers of the same machine only
//
// Life cycle: serves from Start until it is destroyed. Threads: one of its own, which calls the
// functions given to it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/status.h"

namespace epigrid {

struct AdminPages {
  std::function<std::string()> metrics;
  std::function<bool()> ready;
  std::function<std::string()> readiness;  // the text of /healthz/ready
  std::function<std::string()> config;
};

class AdminServer {
 public:
  // `listen` is host:port with a numeric host; port 0: any that is free. UNAVAILABLE with
  // ADMIN_LISTEN_FAILED.
  static Result<std::unique_ptr<AdminServer>> Start(const std::string& listen, AdminPages pages);
  ~AdminServer();

  uint16_t port() const;

 private:
  struct Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace epigrid
