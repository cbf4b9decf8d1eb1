// Keyed hashes: HMAC-SHA-256, for what must be compared but may not be known, such as the number of
// a document. Without the key nobody can try all numbers to find the one behind a hash.
//
//   KeyedHash hash(DeriveKey(root, "epigrid document hash v1"));
//   std::string digest = hash.Of(document.Canonical());      // 32 bytes
//
// Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "common/crypto/secret_key.h"

namespace epigrid {

// HKDF-SHA-256 (RFC 5869) without salt: independent keys, one for each label, from one secret key.
// A label is a constant of the program and is never used for two purposes.
SecretKey DeriveKey(const SecretKey& from, std::string_view label);

class KeyedHash {
 public:
  static constexpr size_t kSize = 32;

  explicit KeyedHash(const SecretKey& key) : key_(key) {}
  // kSize bytes.
  std::string Of(std::string_view text) const;
  // The same in 64 lower-case hexadecimal digits.
  std::string HexOf(std::string_view text) const;

 private:
  SecretKey key_;
};

}  // namespace epigrid
