// CircuitBreaker: keeps calls away from an endpoint that does not answer, so that those to others
// do not wait behind them.
//
//   if (!breaker.Allow(clock.Now())) return ...;   // "ENDPOINT_DOWN"
//   ...
//   breaker.Record(answered, clock.Now());
//
// Closed: all calls pass. After `failures_max` without an answer in a row it opens: none passes.
// `open_for` later one call is let through as a probe, then one in each further `open_for`; the
// first answer closes it. Threads: any.
#pragma once

#include <cstdint>
#include <mutex>

#include "common/base/clock.h"

namespace epigrid::notification {

struct CircuitBreakerOptions {
  uint32_t failures_max = 20;
  Duration open_for = std::chrono::seconds(2);
};

class CircuitBreaker {
 public:
  explicit CircuitBreaker(CircuitBreakerOptions options) : options_(options) {}

  bool Allow(Time now) {
    std::lock_guard lock(mutex_);
    if (failures_ < options_.failures_max) return true;
    // A clock that was set back must not keep it open.
    if (now < probe_at_ && probe_at_ - now <= options_.open_for) return false;
    probe_at_ = now + options_.open_for;
    return true;
  }

  void Record(bool answered, Time now) {
    std::lock_guard lock(mutex_);
    if (answered) {
      failures_ = 0;
    } else if (++failures_ == options_.failures_max) {
      probe_at_ = now + options_.open_for;
    }
  }

 private:
  const CircuitBreakerOptions options_;
  std::mutex mutex_;
  uint32_t failures_ = 0;  // without an answer, in a row
  Time probe_at_;
};

}  // namespace epigrid::notification
