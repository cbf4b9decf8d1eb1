// CellQuery: reads cells of the live generation for queries, each by one pipelined Redis command;
// of a cluster also while slots move, and, within `deadline`, while a primary is replaced.
//
//   Result<std::optional<std::string>> bytes = co_await cells.Get(person_id, "code:" + person_id);
//   if (!bytes.ok()) co_return bytes.status();            // VIEW_REBUILDING, VIEW_UNAVAILABLE
//   if (!bytes->has_value()) co_return NotFound(...);
//
// `entity` decides the shard, `cell` is the key that the fold wrote. A cell that is not found is
// believed only if the generation is still the live one, which costs a second command: a view lost
// this instant answers VIEW_REBUILDING and never NOT_FOUND. Errors of all: UNAVAILABLE with
// VIEW_REBUILDING or VIEW_UNAVAILABLE.
//
// Threads: any; Futures are set on the thread of the Redis's loop.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/base/task.h"
#include "common/projector/cell_gatherer.h"
#include "common/projector/shard_table.h"
#include "common/redis/keyspace.h"

namespace epigrid {

// Names one string cell for GetMany.
struct CellAddress {
  std::string entity;
  std::string cell;
};

class CellQuery {
 public:
  // Both outlive it. `deadline` is that of a read, which is one round trip while all is well: by
  // default long enough for a busy server, short enough for who waits.
  CellQuery(RedisKeyspace& redis, const ShardTable& shards,
            Duration deadline = std::chrono::seconds(1));

  // A string cell; nullopt: there is none.
  Task<Result<std::optional<std::string>>> Get(std::string entity, std::string cell) const;
  // Many string cells, each with its own result, in their order. What all callers want of a shard
  // in one turn of the loop is one MGET.
  Task<std::vector<Result<std::optional<std::string>>>> GetMany(
      std::vector<CellAddress> addresses) const;
  // One member of a hash; nullopt: there is none.
  Task<Result<std::optional<std::string>>> GetMember(std::string entity, std::string cell,
                                                     std::string field) const;
  // A whole hash: for those that the fold keeps small.
  Task<Result<std::map<std::string, std::string>>> GetMembers(std::string entity,
                                                              std::string cell) const;
  // Up to `limit` members of an index after this one (empty: from the first), in byte order.
  Task<Result<std::vector<std::string>>> PageIndex(std::string entity, std::string cell,
                                                   std::string after, size_t limit) const;
  Task<Result<uint64_t>> CountIndex(std::string entity, std::string cell) const;
  // The same for a shard's own cells, which belong to no entity.
  Task<Result<std::vector<std::string>>> PageShardIndex(Shard shard, std::string cell,
                                                        std::string after, size_t limit) const;
  Task<Result<uint64_t>> CountShardIndex(Shard shard, std::string cell) const;
  Task<Result<std::optional<std::string>>> GetOfShard(Shard shard, std::string cell) const;
  // Up to `limit` timers of the shard due at or before `until`, in (due, id) order: what a worker
  // looks for.
  Task<Result<std::vector<Timer>>> DueTimers(Shard shard, Time until, size_t limit) const;

 private:
  // Sends a command on cells of the live generation. What is not there is confirmed, and looked for
  // in the generation that has taken its place, if one has.
  Task<Result<Reply>> Call(Shard shard, std::string command, std::vector<std::string> cells,
                           std::vector<std::string> arguments) const;
  Future<Result<Reply>> CallOnce(Shard shard, Generation generation, const std::string& command,
                                 std::span<const std::string> cells,
                                 std::span<const std::string> arguments) const;
  // What an MGET answers, by one GET for each cell: how it is read while its slot moves.
  Task<Result<Reply>> GetEach(Shard shard, Generation generation,
                              const std::vector<std::string>& cells) const;
  // The generation that queries read at this moment.
  Task<Result<Generation>> LiveNow(Shard shard) const;

  RedisKeyspace& redis_;
  const ShardTable& shards_;
  const Duration deadline_;
  const std::unique_ptr<CellGatherer> gatherer_;
};

}  // namespace epigrid
