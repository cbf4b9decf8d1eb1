// What the DurableKeyStores say in the same words.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/crypto/master_key.h"

namespace epigrid {

// UNAVAILABLE KEY_STORE_UNAVAILABLE.
Status KeyStoreUnavailable(std::string_view why);
// FAILED_PRECONDITION MASTER_KEY_ROOT_DIFFERS.
Status RootDiffers();
// The keyed hash by which the root of the master keys is known.
std::string RootMark(const MasterKeys& master_keys);

}  // namespace epigrid
