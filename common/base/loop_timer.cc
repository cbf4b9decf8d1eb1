#include "common/base/loop_timer.h"

#include <algorithm>
#include <utility>

namespace epigrid {

struct LoopTimer::Handle {
  uv_timer_t timer;
  std::function<void()> on_due;
};

LoopTimer::LoopTimer(EventLoop& loop, std::function<void()> on_due)
    : handle_(new Handle{{}, std::move(on_due)}) {
  EPIGRID_CHECK(uv_timer_init(loop.uv(), &handle_->timer) == 0, "uv_timer_init does not fail");
  handle_->timer.data = handle_;
}

LoopTimer::~LoopTimer() {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->timer),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void LoopTimer::Start(Duration after) {
  // Rounded up to libuv's milliseconds, counted from now and not from the start of the loop's turn.
  const int64_t micros = std::max<int64_t>(0, after.count());
  uv_update_time(handle_->timer.loop);
  uv_timer_start(
      &handle_->timer, [](uv_timer_t* timer) { static_cast<Handle*>(timer->data)->on_due(); },
      static_cast<uint64_t>(micros / 1000 + (micros % 1000 != 0)), 0);
}

void LoopTimer::Cancel() { uv_timer_stop(&handle_->timer); }

}  // namespace epigrid
