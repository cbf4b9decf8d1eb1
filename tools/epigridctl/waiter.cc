#include "tools/epigridctl/waiter.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "common/base/status.h"

namespace epigrid::ctl {
namespace {

std::atomic<bool> interrupted_by_signal = false;
std::atomic<int> wake_up = -1;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "a signal handler may use nothing else");

void Interrupt(int) {
  const int saved_errno = errno;
  interrupted_by_signal = true;
  const uint64_t one = 1;
  // It cannot fail but by an overflow, which would take 2^64 signals.
  [[maybe_unused]] const ssize_t written = write(wake_up, &one, sizeof(one));
  errno = saved_errno;
}

}  // namespace

SignalWaiter::SignalWaiter() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  EPIGRID_CHECK(event_ >= 0, "the system gives no eventfd");
  EPIGRID_CHECK(wake_up.exchange(event_) == -1, "there is one SignalWaiter in a process");
  struct sigaction action = {};
  action.sa_handler = Interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

SignalWaiter::~SignalWaiter() {
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  wake_up = -1;
  close(event_);
}

Duration SignalWaiter::Elapsed() const {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
}

bool SignalWaiter::WaitFor(Duration duration) {
  const Duration end = Elapsed() + duration;
  while (!interrupted()) {
    const Duration left = end - Elapsed();
    if (left <= Duration(0)) return true;
    pollfd descriptor{.fd = event_, .events = POLLIN, .revents = 0};
    const auto millis = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    poll(&descriptor, 1, static_cast<int>(std::min<int64_t>(millis, 3'600'000)));
  }
  return false;
}

bool SignalWaiter::interrupted() const { return interrupted_by_signal; }

}  // namespace epigrid::ctl
