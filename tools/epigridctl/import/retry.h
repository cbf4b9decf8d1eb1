// Retrying: calls that may be made again are made again while that makes sense, ever more rarely.
#pragma once

#include <functional>

#include "common/base/status.h"
#include "tools/epigridctl/waiter.h"

namespace epigrid::ctl {

// Whether the same call may go well later: UNAVAILABLE, RESOURCE_EXHAUSTED, ABORTED,
// DEADLINE_EXCEEDED. All that an import sends may be sent again.
bool IsWorthRetrying(const Status& status);

class Retrying {
 public:
  // Gives up on a call that has failed for `give_up_after`.
  // `on_wait` is told before each wait, by any thread.
  Retrying(Waiter& waiter, Duration give_up_after,
           std::function<void(const Status&, Duration)> on_wait)
      : waiter_(waiter), give_up_after_(give_up_after), on_wait_(std::move(on_wait)) {}

  // The first answer that is OK or not worth a retry, the last one when it gives up, or CANCELLED
  // INTERRUPTED. Waits from 100 ms to 10 s, at least as long as the server says, and a little
  // longer by chance. Threads: any.
  Status Run(const std::function<Status()>& call) const;

 private:
  Waiter& waiter_;
  const Duration give_up_after_;
  const std::function<void(const Status&, Duration)> on_wait_;
};

}  // namespace epigrid::ctl
