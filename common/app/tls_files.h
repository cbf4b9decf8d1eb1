// TlsFiles: a certificate with its key, and who signs the certificates of the other side, as they
// lie on disk, kept up with while they are replaced.
//
//   TlsFiles files({.certificate = "server.pem", .key = "server.key", .ca = "clients.pem"});
//   EPIGRID_RETURN_IF_ERROR(files.Load());
//   std::shared_ptr<const TlsMaterial> in_force = files.Get();
//   ...
//   if (files.Look()) { ... files.Get() is another ... }      // every few seconds
//
// What is wrong changes nothing: the former stays in force, and the log says why (tls.unchanged).
// Wrong are files that cannot be read, that are no PEM, a key of another certificate or behind a
// passphrase, and a certificate that is not valid now. A certificate and its key are two files and
// are not replaced at once, so that a fault is told only when the next look finds the same.
//
// Threads: Look and Load from one, Get from any.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace epigrid {

struct TlsPaths {
  // Both or neither; the certificate with its chain.
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path ca;  // empty: none
};

struct TlsMaterial {
  std::string certificate;
  std::string key;
  std::string ca;
  Time expires;  // the certificate; unset: there is none

  // FAILED_PRECONDITION TLS_FILE_UNREADABLE or TLS_FILE_INVALID.
  static Result<TlsMaterial> Read(const TlsPaths& paths, Time now);
  friend bool operator==(const TlsMaterial&, const TlsMaterial&) = default;
};

class TlsFiles {
 public:
  explicit TlsFiles(TlsPaths paths) : paths_(std::move(paths)) {}

  // Before anything else.
  Status Load();
  // Whether other material is in force now.
  bool Look();
  std::shared_ptr<const TlsMaterial> Get() const;

 private:
  void Put(TlsMaterial material);

  const TlsPaths paths_;
  mutable std::mutex mutex_;  // for the next
  std::shared_ptr<const TlsMaterial> in_force_;
  std::string fault_;  // as the last look found it
  bool told_ = false;
};

}  // namespace epigrid
