#include "common/projector/work_budget.h"

#include <algorithm>
#include <utility>

namespace epigrid {

struct WorkBudget::State : std::enable_shared_from_this<State> {
  State(Scheduler& with, size_t most) : scheduler(with), events_max(most) {}

  // Gives turns to the first in line as long as there is room.
  void CallNext() {
    while (!line.empty() && (taken == 0 || taken + line.front()->events_ <= events_max)) {
      Share& next = *line.front();
      line.pop_front();
      next.taken_ = true;
      taken += next.events_;
      const Promise<Done> turn = next.turn_;
      turn.Set(Done{});
    }
  }
  // Not from the stack of whoever made room.
  void PostCallNext() {
    if (line.empty()) return;
    scheduler.Post([weak = weak_from_this()] {
      if (const std::shared_ptr<State> state = weak.lock()) state->CallNext();
    });
  }

  Scheduler& scheduler;
  const size_t events_max;
  size_t taken = 0;
  std::list<Share*> line;
};

WorkBudget::Share::Share(std::shared_ptr<State> state, size_t events)
    : state_(std::move(state)), events_(events) {
  state_->line.push_back(this);
  if (state_->line.size() == 1) state_->CallNext();
}

WorkBudget::Share::~Share() {
  if (taken_) {
    state_->taken -= events_;
  } else {
    state_->line.remove(this);
  }
  state_->PostCallNext();
}

WorkBudget::WorkBudget(Scheduler& scheduler, size_t events_max)
    : state_(std::make_shared<State>(scheduler, events_max)) {}

Task<std::unique_ptr<WorkBudget::Share>> WorkBudget::Take(size_t events) {
  auto share = std::make_unique<Share>(state_, events);
  co_await share->turn_.future();
  co_return share;
}

}  // namespace epigrid
