// Waiter: time that passes and a wish to stop, as commands see them, so that tests need not wait.
#pragma once

#include <atomic>

#include "common/base/clock.h"

namespace epigrid::ctl {

// Threads: any.
class Waiter {
 public:
  virtual ~Waiter() = default;
  // Since some point in the past; never goes back.
  virtual Duration Elapsed() const = 0;
  // False if it was interrupted before the time was over.
  virtual bool WaitFor(Duration duration) = 0;
  // Somebody wants the program to stop.
  virtual bool interrupted() const = 0;
};

// The machine's time. The first SIGINT or SIGTERM interrupts, the second ends the program at once.
// One per process.
class SignalWaiter final : public Waiter {
 public:
  SignalWaiter();
  ~SignalWaiter() override;
  SignalWaiter(const SignalWaiter&) = delete;
  SignalWaiter& operator=(const SignalWaiter&) = delete;

  Duration Elapsed() const override;
  bool WaitFor(Duration duration) override;
  bool interrupted() const override;

 private:
  int event_;  // readable once interrupted
};

}  // namespace epigrid::ctl
