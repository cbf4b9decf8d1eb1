// WorkBudget: bounds how many events the shards of one host have in hand at once, so that under a
// backlog a few batches go fast instead of all of them slowly: each ends soon, the loop stays
// responsive (leases, stops), and little is emitted again after a crash. Batches of few events pass
// side by side.
//
//   std::unique_ptr<WorkBudget::Share> share = co_await budget.Take(events);
//
// First come, first served. One that is larger than the whole budget waits until it has all of it.
//
// Threads: the scheduler's. Shares may be destroyed at any time, also after the budget; a Task that
// waits for one too.
#pragma once

#include <list>
#include <memory>

#include "common/base/scheduler.h"
#include "common/base/task.h"

namespace epigrid {

class WorkBudget {
  struct State;

 public:
  // Gives its part back when it is destroyed.
  class Share {
   public:
    Share(std::shared_ptr<State> state, size_t events);
    ~Share();
    Share(const Share&) = delete;

   private:
    friend class WorkBudget;
    friend struct State;
    std::shared_ptr<State> state_;
    const size_t events_;
    Promise<Done> turn_;
    bool taken_ = false;
  };

  // The scheduler outlives the budget and its shares.
  WorkBudget(Scheduler& scheduler, size_t events_max);

  Task<std::unique_ptr<Share>> Take(size_t events);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
