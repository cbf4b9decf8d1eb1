#include "services/identity/domain/identity_hashes.h"

#include <algorithm>

namespace epigrid::identity {

std::string IdentityHashes::ProposedPersonId(std::string_view caller, std::string_view request_id,
                                             uint32_t item, std::string_view document_hash) const {
  const std::string number = std::to_string(item);
  std::string parts;
  for (std::string_view part : {caller, request_id, std::string_view(number), document_hash}) {
    parts.append(std::to_string(part.size())).append(":").append(part);
  }
  const std::string digest = proposal_.Of(parts);
  IdBytes bytes;
  std::copy_n(digest.begin(), bytes.size(), bytes.begin());
  return MakeId(kPersonId, bytes);
}

DocumentShards::DocumentShards(uint32_t shard_count) : entities_(shard_count) {
  size_t missing = shard_count;
  for (uint64_t n = 0; missing > 0; ++n) {
    std::string name = "documents-" + std::to_string(n);
    std::string& entity = entities_[ShardOf(name, shard_count)];
    if (!entity.empty()) continue;
    entity = std::move(name);
    --missing;
  }
}

}  // namespace epigrid::identity
