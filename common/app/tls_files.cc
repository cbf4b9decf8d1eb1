#include "common/app/tls_files.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <optional>
#include <vector>

#include "common/config/command_line.h"
#include "common/log/log.h"

namespace epigrid {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio Open(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

// All of them, in their order; none if any is broken.
std::vector<Certificate> Certificates(const std::string& pem) {
  const Bio bio = Open(pem);
  std::vector<Certificate> certificates;
  for (;;) {
    ERR_clear_error();
    Certificate next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    if (next != nullptr) {
      certificates.push_back(std::move(next));
    } else if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
      return certificates;
    } else {
      return {};
    }
  }
}

// Without a passphrase: OpenSSL would ask the terminal for it.
int NoPassphrase(char*, int, int, void*) { return -1; }

Status Invalid(const std::filesystem::path& path, std::string_view what) {
  ERR_clear_error();
  return FailedPrecondition("TLS_FILE_INVALID", fmt::format("{}: {}", path.string(), what));
}

Result<std::string> ReadPem(const std::filesystem::path& path) {
  Result<std::string> text = ReadFile(path);
  if (text.ok()) return text;
  return FailedPrecondition("TLS_FILE_UNREADABLE", text.status().message());
}

// nullopt: it is no time.
std::optional<Time> ToTime(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return Time::FromSeconds(timegm(&parts));
}

Result<Time> ExpiryOf(const std::filesystem::path& path, const X509& certificate, Time now) {
  const std::optional<Time> begin = ToTime(X509_get0_notBefore(&certificate));
  const std::optional<Time> end = ToTime(X509_get0_notAfter(&certificate));
  if (!begin.has_value() || !end.has_value()) return Invalid(path, "has no period of validity");
  if (*end <= now) return Invalid(path, "has expired");
  if (*begin > now) return Invalid(path, "is not valid yet");
  return *end;
}

}  // namespace

Result<TlsMaterial> TlsMaterial::Read(const TlsPaths& paths, Time now) {
  TlsMaterial material;
  if (!paths.certificate.empty()) {
    EPIGRID_ASSIGN_OR_RETURN(material.certificate, ReadPem(paths.certificate));
    EPIGRID_ASSIGN_OR_RETURN(material.key, ReadPem(paths.key));
    const std::vector<Certificate> chain = Certificates(material.certificate);
    if (chain.empty()) return Invalid(paths.certificate, "is no chain of PEM certificates");
    const Key key(PEM_read_bio_PrivateKey(Open(material.key).get(), nullptr, NoPassphrase, nullptr),
                  EVP_PKEY_free);
    if (key == nullptr) return Invalid(paths.key, "holds no PEM private key without a passphrase");
    if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
      return Invalid(paths.key,
                     "is the key of another certificate than " + paths.certificate.string());
    }
    EPIGRID_ASSIGN_OR_RETURN(material.expires, ExpiryOf(paths.certificate, *chain.front(), now));
  }
  if (!paths.ca.empty()) {
    EPIGRID_ASSIGN_OR_RETURN(material.ca, ReadPem(paths.ca));
    if (Certificates(material.ca).empty()) {
      return Invalid(paths.ca, "is no list of PEM certificates");
    }
  }
  return material;
}

Status TlsFiles::Load() {
  EPIGRID_ASSIGN_OR_RETURN(TlsMaterial material, TlsMaterial::Read(paths_, SystemClock().Now()));
  Put(std::move(material));
  return OkStatus();
}

std::shared_ptr<const TlsMaterial> TlsFiles::Get() const {
  std::lock_guard lock(mutex_);
  return in_force_;
}

void TlsFiles::Put(TlsMaterial material) {
  auto put = std::make_shared<const TlsMaterial>(std::move(material));
  std::lock_guard lock(mutex_);
  in_force_ = std::move(put);
}

bool TlsFiles::Look() {
  Result<TlsMaterial> material = TlsMaterial::Read(paths_, SystemClock().Now());
  if (!material.ok()) {
    const std::string fault = material.status().ToString();
    if (fault != fault_) {
      fault_ = fault;
      told_ = false;
    } else if (!told_) {
      told_ = true;
      EPIGRID_LOG_ERROR("tls.unchanged", {material.status()});
    }
    return false;
  }
  fault_.clear();
  told_ = false;
  if (*material == *Get()) return false;
  const std::string ca = paths_.ca.string();
  if (material->certificate.empty()) {
    EPIGRID_LOG_INFO("tls.reloaded", {"ca", Safe(ca)});
  } else {
    EPIGRID_LOG_INFO(
        "tls.reloaded", {"ca", Safe(ca)}, {"certificate", Safe(paths_.certificate.string())},
        {"expires_in_s",
         std::chrono::duration_cast<std::chrono::seconds>(material->expires - SystemClock().Now())
             .count()});
  }
  Put(*std::move(material));
  return true;
}

}  // namespace epigrid
