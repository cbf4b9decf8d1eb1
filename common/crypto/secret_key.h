// SecretKey: 256 bits that are wiped when they are no longer needed and that nothing prints.
#pragma once

#include <openssl/crypto.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "common/base/ids.h"
#include "common/base/status.h"

namespace epigrid {

class SecretKey {
 public:
  static constexpr size_t kSize = 32;

  // All zero: a place for a key to be put into.
  SecretKey() = default;
  static SecretKey Random(RandomSource& random) {
    SecretKey key;
    random.Fill(key.bytes_.data(), kSize);
    return key;
  }
  // Exactly kSize bytes.
  static SecretKey FromBytes(std::string_view bytes) {
    EPIGRID_CHECK(bytes.size() == kSize, "a key has 32 bytes");
    SecretKey key;
    std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
    return key;
  }
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey() { OPENSSL_cleanse(bytes_.data(), kSize); }

  const uint8_t* data() const { return bytes_.data(); }
  uint8_t* data() { return bytes_.data(); }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), kSize}; }

  // In time that does not depend on the content.
  friend bool operator==(const SecretKey& a, const SecretKey& b) {
    return CRYPTO_memcmp(a.data(), b.data(), kSize) == 0;
  }

 private:
  std::array<uint8_t, kSize> bytes_{};
};

}  // namespace epigrid
