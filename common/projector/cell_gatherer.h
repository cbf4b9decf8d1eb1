// CellGatherer: reads string cells for many queries at once. What all calls of one turn of the loop
// want of a shard goes out as one MGET: a hundred people lie in nearly as many shards, so that a
// call's own cells hardly ever meet.
//
//   CellGatherer gatherer(loop, shard_count, read);
//   auto cells = co_await gatherer.Read({{shard, "code:" + person_id}, ...});
//
// Threads: Read from any; Futures are set on the loop's. `read` is called on it, and outlives what
// it returns.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/base/shard.h"
#include "common/base/status.h"
#include "common/base/task.h"
#include "common/redis/reply.h"

namespace epigrid {

class CellGatherer {
 public:
  struct Address {
    Shard shard = 0;
    std::string cell;
  };
  using Cells = std::vector<Result<std::optional<std::string>>>;
  // One MGET: an array with a string or nil for each.
  using ReadShard = std::function<Task<Result<Reply>>(Shard shard, std::vector<std::string> cells)>;

  CellGatherer(EventLoop& loop, uint32_t shard_count, ReadShard read);

  // One result for each address, in their order.
  Task<Cells> Read(std::vector<Address> addresses);

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace epigrid
