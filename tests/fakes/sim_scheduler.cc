#include "tests/fakes/sim_scheduler.h"

#include <algorithm>

namespace epigrid {

Future<Done> SimScheduler::Sleep(Duration duration) {
  Promise<Done> promise;
  After(duration, [promise] { promise.Set(Done{}); });
  return promise.future();
}

void SimScheduler::After(Duration delay, std::function<void()> fn) {
  events_.emplace(Due{now_ + std::max(delay, Duration::zero()), random_.Next(), ++numbers_},
                  std::move(fn));
}

bool SimScheduler::Step() {
  if (events_.empty()) return false;
  auto next = events_.extract(events_.begin());
  now_ = std::max(now_, next.key().time);
  ++steps_;
  next.mapped()();
  return true;
}

void SimScheduler::RunUntil(const std::function<bool()>& condition, uint64_t steps_max) {
  for (uint64_t i = 0; !condition(); ++i) {
    EPIGRID_CHECK(i < steps_max, "the simulation does not come to what is waited for");
    EPIGRID_CHECK(Step(), "nothing is left that could bring about what is waited for");
  }
}

Future<Done> SimProcess::Sleep(Duration duration) {
  Promise<Done> promise;
  Deliver(state_, duration, [promise] { promise.Set(Done{}); });
  return promise.future();
}

void SimProcess::Post(std::function<void()> fn) {
  state_->posts.push_back(std::move(fn));
  Deliver(state_, {}, [state = state_] {
    const std::function<void()> next = std::move(state->posts.front());
    state->posts.pop_front();
    next();
  });
}

void SimProcess::StallFor(Duration duration) const {
  state_->stalled_until = std::max(state_->stalled_until, state_->world.Now() + duration);
}

void SimProcess::Deliver(const std::shared_ptr<State>& state, Duration delay,
                         std::function<void()> fn) {
  state->world.After(delay,
                     [state, fn = std::move(fn)]() mutable { Receive(state, std::move(fn)); });
}

void SimProcess::Receive(const std::shared_ptr<State>& state, std::function<void()> fn) {
  if (state->dead) return;
  if (state->held.empty() && state->world.Now() >= state->stalled_until) return fn();
  state->held.push_back(std::move(fn));
  if (std::exchange(state->waking, true)) return;
  state->world.After(state->stalled_until - state->world.Now(), [state] { HandOut(state); });
}

void SimProcess::HandOut(const std::shared_ptr<State>& state) {
  if (state->dead) return;
  const Duration left = state->stalled_until - state->world.Now();
  if (left <= Duration::zero()) {
    const std::function<void()> next = std::move(state->held.front());
    state->held.pop_front();
    next();
    if (state->dead) return;
  }
  if (state->held.empty()) {
    state->waking = false;
    return;
  }
  state->world.After(left, [state] { HandOut(state); });
}

}  // namespace epigrid
