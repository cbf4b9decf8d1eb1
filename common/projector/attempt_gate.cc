#include "common/projector/attempt_gate.h"

#include <utility>

namespace epigrid {

struct AttemptGate::State : std::enable_shared_from_this<AttemptGate::State> {
  explicit State(Scheduler& with) : scheduler(with) {}

  Scheduler& scheduler;
  std::list<Ticket*> line;  // the first has its turn

  // Not from the stack of whoever gave the turn away.
  void CallFirst() {
    scheduler.Post([self = weak_from_this()] {
      const std::shared_ptr<State> state = self.lock();
      if (state == nullptr || state->line.empty()) return;
      Ticket& first = *state->line.front();
      if (!std::exchange(first.called_, true)) {
        const Promise<Done> turn = first.turn_;
        turn.Set(Done{});
      }
    });
  }
};

AttemptGate::Ticket::Ticket(std::shared_ptr<State> state) : state_(std::move(state)) {
  state_->line.push_back(this);
  if (state_->line.size() == 1) state_->CallFirst();
}

AttemptGate::Ticket::~Ticket() {
  const bool had_turn = state_->line.front() == this;
  state_->line.remove(this);
  if (had_turn) state_->CallFirst();
}

AttemptGate::AttemptGate(Scheduler& scheduler) : state_(std::make_shared<State>(scheduler)) {}

Task<std::unique_ptr<AttemptGate::Ticket>> AttemptGate::Take() {
  auto ticket = std::make_unique<Ticket>(state_);
  co_await ticket->turn_.future();
  co_return ticket;
}

}  // namespace epigrid
