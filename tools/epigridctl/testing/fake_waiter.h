// FakeWaiter: time that passes at once when it is waited for.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "tools/epigridctl/waiter.h"

namespace epigrid::ctl {

class FakeWaiter final : public Waiter {
 public:
  Duration Elapsed() const override {
    const std::lock_guard lock(mutex_);
    return elapsed_;
  }
  bool WaitFor(Duration duration) override {
    if (on_wait) on_wait();
    const std::lock_guard lock(mutex_);
    if (interrupted_) return false;
    elapsed_ += duration;
    waits_.push_back(duration);
    return true;
  }
  bool interrupted() const override {
    const std::lock_guard lock(mutex_);
    return interrupted_;
  }

  void Interrupt() {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
  }
  std::vector<Duration> waits() const {
    const std::lock_guard lock(mutex_);
    return waits_;
  }

  std::function<void()> on_wait;  // before each wait

 private:
  mutable std::mutex mutex_;
  Duration elapsed_{std::chrono::seconds(1)};
  bool interrupted_ = false;
  std::vector<Duration> waits_;
};

}  // namespace epigrid::ctl
