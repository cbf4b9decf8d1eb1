// AttemptGate: lets the shards of one host that ended uncleanly before go one at a time, so that
// when the process dies again it is known whose record it was: only who holds the ticket has its
// attempt counted. It is held until the fold of the batch in hand has ended.
//
//   std::unique_ptr<AttemptGate::Ticket> ticket = co_await gate.Take();
//
// Threads: the scheduler's. Tickets may be destroyed at any time, also after the gate; a Task that
// waits for one too.
#pragma once

#include <list>
#include <memory>

#include "common/base/scheduler.h"
#include "common/base/task.h"

namespace epigrid {

class AttemptGate {
  struct State;

 public:
  // Gives the turn to the next in line when it is destroyed.
  class Ticket {
   public:
    explicit Ticket(std::shared_ptr<State> state);
    ~Ticket();
    Ticket(const Ticket&) = delete;

   private:
    friend class AttemptGate;
    friend struct State;
    std::shared_ptr<State> state_;
    Promise<Done> turn_;
    bool called_ = false;
  };

  // The scheduler outlives the gate and its tickets.
  explicit AttemptGate(Scheduler& scheduler);

  Task<std::unique_ptr<Ticket>> Take();

 private:
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
