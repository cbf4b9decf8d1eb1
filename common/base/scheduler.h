// Scheduler: what a step machine may ask of the thread that runs it. EventLoop (event_loop.h) is
// the production one; the simulation has its own, with a clock that only it moves.
#pragma once

#include <functional>

#include "common/base/clock.h"
#include "common/base/task.h"

namespace epigrid {

class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // The wall clock.
  virtual Time Now() const = 0;
  // Done after at least this long, on the scheduler's thread.
  virtual Future<Done> Sleep(Duration duration) = 0;
  // Calls fn soon, on the scheduler's thread; may be called from any thread.
  virtual void Post(std::function<void()> fn) = 0;
};

}  // namespace epigrid
