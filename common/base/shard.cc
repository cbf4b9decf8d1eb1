#include "common/base/shard.h"

#include <xxhash.h>

#include <array>
#include <charconv>
#include <limits>

namespace epigrid {

Shard ShardOf(std::string_view entity_id, uint32_t shard_count) {
  return static_cast<Shard>(XXH3_64bits(entity_id.data(), entity_id.size()) % shard_count);
}

std::string ShardTag(std::string_view service, Shard shard) {
  std::string tag;
  AppendShardTag(service, shard, tag);
  return tag;
}

void AppendShardTag(std::string_view service, Shard shard, std::string& to) {
  std::array<char, std::numeric_limits<Shard>::digits10 + 1> number;
  const auto written = std::to_chars(number.begin(), number.end(), shard);
  to += '{';
  to += service;
  to += '-';
  to.append(number.data(), written.ptr);
  to += '}';
}

}  // namespace epigrid
