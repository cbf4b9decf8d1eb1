#include "common/event_log/calls_under_way.h"

namespace epigrid {

std::shared_ptr<void> CallsUnderWay::Enter() {
  {
    std::lock_guard lock(mutex_);
    ++count_;
  }
  return std::shared_ptr<void>(nullptr, [this](void*) {
    std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  });
}

void CallsUnderWay::WaitForNone() {
  std::unique_lock lock(mutex_);
  none_.wait(lock, [this] { return count_ == 0; });
}

}  // namespace epigrid
