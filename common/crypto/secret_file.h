// Files that hold secrets: read with their permissions checked, written so that a crash leaves the
// old file or the new one, never half of one. Reasons begin with MASTER_KEY_FILE_, for that is what
// they are used for.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace epigrid {

// A regular file (behind links, as Kubernetes mounts secrets) of at most 64 KiB.
// FAILED_PRECONDITION with reason MASTER_KEY_FILE_UNREADABLE or, when others may read it or anyone
// but its owner may write it, MASTER_KEY_FILE_EXPOSED.
Result<std::string> ReadSecretFile(const std::filesystem::path& file);

// A new file with mode 0600. FAILED_PRECONDITION MASTER_KEY_FILE_EXISTS or
// MASTER_KEY_FILE_UNWRITABLE.
Status CreateSecretFile(const std::filesystem::path& file, std::string_view text);

// Puts a new file with mode 0600 in the place of the old one.
Status ReplaceSecretFile(const std::filesystem::path& file, std::string_view text);

}  // namespace epigrid
