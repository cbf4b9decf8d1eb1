#include "common/crypto/keyed_hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <memory>

#include "common/base/hex.h"

namespace epigrid {

SecretKey DeriveKey(const SecretKey& from, std::string_view label) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr), &EVP_KDF_free);
  EPIGRID_CHECK(kdf != nullptr, "OpenSSL has no HKDF");
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(kdf.get()), &EVP_KDF_CTX_free);
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<uint8_t*>(from.data()),
                                        SecretKey::kSize),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(label.data()),
                                        label.size()),
      OSSL_PARAM_construct_end()};
  SecretKey derived;
  EPIGRID_CHECK(context != nullptr && EVP_KDF_derive(context.get(), derived.data(),
                                                     SecretKey::kSize, parameters) == 1,
                "HKDF failed");
  return derived;
}

std::string KeyedHash::Of(std::string_view text) const {
  std::string digest(kSize, '\0');
  unsigned int size = 0;
  const unsigned char* done = HMAC(EVP_sha256(), key_.data(), SecretKey::kSize,
                                   reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                                   reinterpret_cast<unsigned char*>(digest.data()), &size);
  EPIGRID_CHECK(done != nullptr && size == kSize, "HMAC-SHA-256 failed");
  return digest;
}

std::string KeyedHash::HexOf(std::string_view text) const { return ToHex(Of(text)); }

}  // namespace epigrid
