// Shards: every entity (a person, a setting, a document's keyed hash) belongs to one of S shards of
// a service, for ever, by the hash of its id. A shard is one partition of the inbox and one Redis
// hash tag.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace epigrid {

using Shard = uint32_t;

// The name of the hash, written into the log when it is created: "xxh3-64-mod" is XXH3's 64-bit
// hash with seed 0 of the id's bytes, modulo S. Its test vectors are in shard_test.cc.
inline constexpr std::string_view kShardHashName = "xxh3-64-mod";
// S where nothing else is configured.
inline constexpr uint32_t kDefaultShardCount = 64;
inline constexpr uint32_t kShardCountMax = 1024;

// A place in a service's inbox: what a revision is made of.
struct ShardPosition {
  Shard shard = 0;
  uint64_t offset = 0;  // of an inbox record, from 1
  friend auto operator<=>(const ShardPosition&, const ShardPosition&) = default;
};

Shard ShardOf(std::string_view entity_id, uint32_t shard_count);

// The hash tag of a shard's keys: "{health_code-7}".
std::string ShardTag(std::string_view service, Shard shard);
void AppendShardTag(std::string_view service, Shard shard, std::string& to);

}  // namespace epigrid
