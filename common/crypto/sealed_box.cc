#include "common/crypto/sealed_box.h"

#include <openssl/evp.h>

#include <memory>

namespace epigrid {
namespace {

constexpr char kVersion = 1;
constexpr size_t kNonceSize = 12;
constexpr size_t kTagSize = 16;
constexpr size_t kHeaderSize = 1 + kNonceSize;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// Fetched once: looking an algorithm up costs more than sealing a short text.
const EVP_CIPHER* Aes256Gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  EPIGRID_CHECK(cipher != nullptr, "OpenSSL has no AES-256-GCM");
  return cipher;
}

CipherContext NewContext() {
  CipherContext context(EVP_CIPHER_CTX_new());
  EPIGRID_CHECK(context != nullptr, "out of memory");
  return context;
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text, size_t from) {
  return reinterpret_cast<unsigned char*>(text.data() + from);
}

// Each part with its length before it, so that no two bindings are the same bytes; the version is
// bound as well.
std::string AssociatedData(const SealBinding& binding) {
  std::string data(1, kVersion);
  for (std::string_view part : {binding.subject, binding.purpose}) {
    const auto size = static_cast<uint32_t>(part.size());
    for (int shift = 24; shift >= 0; shift -= 8) data += static_cast<char>(size >> shift);
    data += part;
  }
  return data;
}

Status Malformed() {
  return {Code::kDataLoss, "SEALED_BOX_MALFORMED",
          "sealed data is cut short or was written by a later version"};
}

}  // namespace

std::string Seal(const SecretKey& key, const SealBinding& binding, std::string_view plaintext,
                 RandomSource& random) {
  EPIGRID_CHECK(plaintext.size() <= kSealedPlaintextBytesMax, "a plaintext is too long to seal");
  std::string box(plaintext.size() + kSealedBoxOverhead, '\0');
  box[0] = kVersion;
  random.Fill(Bytes(box, 1), kNonceSize);

  const CipherContext context = NewContext();
  const std::string associated = AssociatedData(binding);
  int written = 0;
  const bool sealed =
      EVP_EncryptInit_ex2(context.get(), Aes256Gcm(), key.data(), Bytes(box, 1), nullptr) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &written, Bytes(associated),
                        static_cast<int>(associated.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), Bytes(box, kHeaderSize), &written, Bytes(plaintext),
                        static_cast<int>(plaintext.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), Bytes(box, box.size() - kTagSize), &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagSize,
                          Bytes(box, box.size() - kTagSize)) == 1;
  EPIGRID_CHECK(sealed, "AES-256-GCM failed to seal");
  return box;
}

Result<std::string> Open(const SecretKey& key, const SealBinding& binding, std::string_view box) {
  if (box.size() < kSealedBoxOverhead || box[0] != kVersion ||
      box.size() > kSealedPlaintextBytesMax + kSealedBoxOverhead) {
    return Malformed();
  }
  std::string plaintext(box.size() - kSealedBoxOverhead, '\0');
  std::string tag(box.substr(box.size() - kTagSize));
  const CipherContext context = NewContext();
  const std::string associated = AssociatedData(binding);
  int written = 0;
  const bool begun =
      EVP_DecryptInit_ex2(context.get(), Aes256Gcm(), key.data(), Bytes(box.substr(1)), nullptr) ==
          1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &written, Bytes(associated),
                        static_cast<int>(associated.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), Bytes(plaintext, 0), &written,
                        Bytes(box.substr(kHeaderSize)), static_cast<int>(plaintext.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, Bytes(tag, 0)) == 1;
  EPIGRID_CHECK(begun, "AES-256-GCM failed to open");
  unsigned char unused[kTagSize];
  if (EVP_DecryptFinal_ex(context.get(), unused, &written) != 1) {
    OPENSSL_cleanse(plaintext.data(), plaintext.size());
    return Status(Code::kDataLoss, "SEALED_BOX_TAMPERED",
                  "sealed data was changed, or belongs to another key, person or purpose");
  }
  return plaintext;
}

}  // namespace epigrid
