#include "common/base/sha256.h"

#include <openssl/evp.h>

#include <memory>

#include "common/base/status.h"

namespace epigrid {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

std::string Sha256(std::string_view bytes) {
  // The algorithm is fetched once and the context kept per thread: OpenSSL 3 would look the one up
  // and allocate the other at every call.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  std::string hash(32, '\0');
  EPIGRID_CHECK(algorithm != nullptr &&
                    EVP_DigestInit_ex2(context.get(), algorithm, nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
                    EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(hash.data()),
                                       nullptr) == 1,
                "SHA-256 is part of every OpenSSL");
  return hash;
}

}  // namespace epigrid
