// What a Redis Cluster says of itself, read: which slot a key is in, who has a slot, where a
// command must go instead.
//
//   SlotOfKey("epigrid:{health_code-7}live")     // of what stands between { and }
//   ParseClusterSlots(reply, asked)              // of CLUSTER SLOTS
//   ParseRedirect("MOVED 3999 10.0.0.7:6381")
//
// See https://redis.io/docs/reference/cluster-spec/. Pure; nothing is believed unchecked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/redis/options.h"
#include "common/redis/reply.h"

namespace epigrid {

inline constexpr size_t kClusterSlots = 16'384;

// CRC-16/XMODEM of the hash tag, or of the whole key if it has none, modulo the slots.
uint16_t SlotOfKey(std::string_view key);

struct ClusterMap {
  struct Node {
    std::string host;
    uint16_t port = 0;
    bool primary = false;
    friend bool operator==(const Node&, const Node&) = default;
  };
  static constexpr uint16_t kNobody = UINT16_MAX;

  std::vector<Node> nodes;
  std::vector<uint16_t> owner;  // by slot: a place in `nodes`, or kNobody
};

// `asked` is who answered: a node that does not know its own address means that one. INTERNAL
// REDIS_CLUSTER_MALFORMED; with the error's text if the server refused.
Result<ClusterMap> ParseClusterSlots(const Reply& reply, const RedisAddress& asked);

// Whether the node that answered CLUSTER INFO sees its cluster in order: one that is cut off from
// the others does not.
bool ClusterIsInOrder(const Reply& info);

// What CLUSTER NODES says of the node that answers: the slots that it serves, as text, and whether
// keys are on their way to or from it. nullopt if it says nothing of itself.
struct OwnSlots {
  std::string slots;
  bool moving = false;
};
std::optional<OwnSlots> ParseOwnSlots(std::string_view cluster_nodes);

struct Redirect {
  bool ask = false;  // this once; else (MOVED) for this slot from now on
  uint16_t slot = 0;
  std::string host;  // empty: of who said so
  uint16_t port = 0;
};
// Of an error's text; nullopt if it is no redirect, or none that can be followed.
std::optional<Redirect> ParseRedirect(std::string_view error);

}  // namespace epigrid
