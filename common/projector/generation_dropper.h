// GenerationDropper: removes from the view the generations that nobody reads any more, of all
// shards of a host together. To find what is in a generation is to look through the whole view, so
// that there is one pass at a time, and one for all that was asked for before it began: after the
// rebuild of every shard two passes and not one a shard, all at once.
//
//   Status dropped = co_await dropper.Drop({shard, generation});
//
// Life cycle: construct, Drop; Stop abandons what is under way, and whoever waits for it waits for
// ever: they are destroyed first. Threads: the scheduler's.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "common/base/scheduler.h"
#include "common/base/task.h"
#include "common/projector/view.h"

namespace epigrid {

class GenerationDropper {
 public:
  // Both outlive it.
  GenerationDropper(Scheduler& scheduler, View& view) : scheduler_(scheduler), view_(view) {}

  Future<Status> Drop(ShardGeneration which);
  void Stop() { passes_.reset(); }

 private:
  // Until nothing waits.
  Task<void> Passes();

  Scheduler& scheduler_;
  View& view_;
  std::vector<std::pair<ShardGeneration, Promise<Status>>> waiting_;
  std::optional<Task<void>> passes_;
};

}  // namespace epigrid
