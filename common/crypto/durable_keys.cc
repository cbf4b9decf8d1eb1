#include "common/crypto/durable_keys.h"

#include <fmt/format.h>

#include "common/crypto/keyed_hash.h"

namespace epigrid {

Status KeyStoreUnavailable(std::string_view why) {
  return Unavailable("KEY_STORE_UNAVAILABLE",
                     fmt::format("the store of persons' keys does not answer: {}", why));
}

Status RootDiffers() {
  return FailedPrecondition(
      "MASTER_KEY_ROOT_DIFFERS",
      "the root in the master key file is not the one that this log was begun with: give the file "
      "that the other instances have, or its copy");
}

std::string RootMark(const MasterKeys& master_keys) {
  return KeyedHash(master_keys.Derive("epigrid master key root mark v1")).HexOf("");
}

}  // namespace epigrid
