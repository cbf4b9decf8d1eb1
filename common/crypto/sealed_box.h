// Sealed boxes: AES-256-GCM around what must not stand in a record, a cell or a file in clear.
//
//   std::string box = Seal(key, {.subject = person_id, .purpose = "registration"}, plaintext, random);
//   Result<std::string> again = Open(key, {.subject = person_id, .purpose = "registration"}, box);
//
// A box opens only under the key, the subject and the purpose that it was sealed with: one that is
// copied to another person or into another field does not open. The nonce is random, so that one
// key may seal up to 2^32 boxes.
//
// The bytes, version 1: 0x01, 12 bytes of nonce, the ciphertext, 16 bytes of tag. Plaintexts are at
// most 1 MiB. Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/base/status.h"
#include "common/crypto/secret_key.h"

namespace epigrid {

// What a box is bound to beside its key. Neither is secret, neither stands in the box.
struct SealBinding {
  std::string_view subject;  // whose: an opaque id
  std::string_view purpose;  // what for: a constant of the program
};

// How many bytes a box is longer than what is in it.
inline constexpr size_t kSealedBoxOverhead = 1 + 12 + 16;
inline constexpr size_t kSealedPlaintextBytesMax = 1 << 20;

std::string Seal(const SecretKey& key, const SealBinding& binding, std::string_view plaintext,
                 RandomSource& random);

// DATA_LOSS with reason SEALED_BOX_MALFORMED (no box, or of a later version) or SEALED_BOX_TAMPERED
// (changed, or sealed under another key or binding).
Result<std::string> Open(const SecretKey& key, const SealBinding& binding, std::string_view box);

}  // namespace epigrid
