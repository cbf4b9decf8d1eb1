// LoopTimer: one timer on an EventLoop that is set, set anew and cancelled.
//
//   LoopTimer timer(loop, [this] { Retry(); });
//   timer.Start(20ms);
//
// Made, used and destroyed on the loop's thread; the function is called there, and may do any of
// the three. For "wait, then go on" use EventLoop::Sleep.
#pragma once

#include <functional>

#include "common/base/event_loop.h"

namespace epigrid {

class LoopTimer {
 public:
  LoopTimer(EventLoop& loop, std::function<void()> on_due);
  ~LoopTimer();
  LoopTimer(const LoopTimer&) = delete;
  LoopTimer& operator=(const LoopTimer&) = delete;

  // Calls the function once, after at least this long; forgets an earlier Start.
  void Start(Duration after);
  void Cancel();

 private:
  struct Handle;
  Handle* handle_;  // frees itself when libuv lets go of it
};

}  // namespace epigrid
