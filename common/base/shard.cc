#include "common/base/shard.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace epigrid {

Shard ShardOf(std::string_view entity_id, uint32_t shard_count) {
  return static_cast<Shard>(XXH3_64bits(entity_id.data(), entity_id.size()) % shard_count);
}

std::string ShardTag(std::string_view service, Shard shard) {
  return fmt::format("{{{}-{}}}", service, shard);
}

}  // namespace epigrid
