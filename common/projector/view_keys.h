// ViewKeys: the physical names of one service's view in Redis, for whoever reads or writes it.
//
//   ViewKeys keys("health_code", "epigrid:");
//   keys.Live(7)                    // "epigrid:{health_code-7}live"
//   keys.GenerationPrefix(7, 3)     // "epigrid:{health_code-7}3:"
//   keys.Cell(7, 3, "code:x")       // "epigrid:{health_code-7}3:code:x"
//   keys.Parse(key)->of             // {7, 3}
//   keys.applied_channel()          // "epigrid:health_code.applied"
//
// The prefix is the system's (log.key_prefix): several may share one Redis. It stands before the
// hash tag, so that it does not change which shard of a cluster a key belongs to.
//
// Immutable; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/shard.h"
#include "common/projector/view.h"

namespace epigrid {

class ViewKeys {
 public:
  // The prefix has no braces.
  explicit ViewKeys(std::string service, std::string prefix = "");

  std::string Live(Shard shard) const;
  std::string GenerationPrefix(Shard shard, Generation generation) const {
    return Cell(shard, generation, {});
  }
  // In one allocation: queries make one for each read.
  std::string Cell(Shard shard, Generation generation, std::string_view cell) const;
  // Whose cell a key is, "" being a generation's prefix; nullopt: of no generation of this view.
  struct Named {
    ShardGeneration of;
    std::string_view cell;  // part of the key
  };
  std::optional<Named> Parse(std::string_view key) const;
  // What all keys of the view match, and few others, in the words of Redis's MATCH.
  std::string Pattern() const { return prefix_ + "{" + service_ + "-*"; }
  // What guarded batches tell of themselves on.
  const std::string& applied_channel() const { return applied_channel_; }

 private:
  const std::string service_;
  const std::string prefix_;
  const std::string applied_channel_;
};

}  // namespace epigrid
