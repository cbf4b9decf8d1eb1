// FoldTurns: bounds how long the shards of one host fold before their thread's loop turns, together
// and not each for itself: between two turns no reply is read, no lease renewed and no deadline
// noticed.
//
//   if (!turns.Take()) co_await turns.Next();   // before each piece of work
//
// In a later turn those who wait go on first come, first served, each as far as there is room.
//
// Threads: the scheduler's. A Task that waits may be destroyed, and may outlive this.
#pragma once

#include <memory>

#include "common/base/scheduler.h"
#include "common/base/task.h"

namespace epigrid {

class FoldTurns {
 public:
  // So many pieces in one turn at most, and none that begins later in it than this.
  static constexpr size_t kPiecesMax = 64;
  static constexpr Duration kLongest = std::chrono::milliseconds(10);

  // The scheduler outlives it.
  explicit FoldTurns(Scheduler& scheduler);

  // Whether one more piece may begin in this turn, which it then counts in.
  bool Take();
  // Done when a piece may begin, and has been counted in.
  Future<Done> Next();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
