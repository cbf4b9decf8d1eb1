#include "common/rpc/rpc_queue.h"

#include <chrono>
#include <utility>

namespace epigrid {
namespace {

// What is done in one go, before libuv has its turn: a handler may compute for a millisecond, and
// what Redis has answered waits meanwhile.
constexpr int kEventsPerPollMax = 256;
constexpr auto kPollMax = std::chrono::milliseconds(2);
constexpr int kEventsPerLookAtClock = 8;

}  // namespace

RpcQueue::RpcQueue(EventLoop& loop, std::unique_ptr<grpc::ServerCompletionQueue> queue)
    : loop_(loop), queue_(std::move(queue)) {
  loop_.SetGuest(this);
}

RpcQueue::~RpcQueue() {
  loop_.RunOnLoop([this] {
    std::lock_guard lock(mutex_);
    closing_ = true;
    queue_->Shutdown();
  });
  while (!empty_.load()) loop_.RunOnLoop([] {});
  loop_.SetGuest(nullptr);
}

bool RpcQueue::Poll() {
  const auto end = std::chrono::steady_clock::now() + kPollMax;
  int events = 0;
  while (events < kEventsPerPollMax) {
    if (!Next(gpr_time_0(GPR_CLOCK_MONOTONIC), /*was_empty=*/false)) {
      last_empty_ = std::chrono::steady_clock::now();
      break;
    }
    ++events;
    if (events % kEventsPerLookAtClock == 0 && std::chrono::steady_clock::now() > end) break;
  }
  return events > 0;
}

void RpcQueue::Wait(Duration longest) {
  if (closing_) longest = Duration(0);  // nobody interrupts any more
  Next(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                    gpr_time_from_micros(longest.count(), GPR_TIMESPAN)),
       /*was_empty=*/true);
}

void RpcQueue::Interrupt() {
  if (interrupted_.exchange(true)) return;
  std::lock_guard lock(mutex_);
  if (closing_) return;
  alarm_.Set(queue_.get(), gpr_time_0(GPR_CLOCK_MONOTONIC), &interruption_);
}

bool RpcQueue::Next(gpr_timespec until, bool was_empty) {
  void* tag = nullptr;
  bool ok = false;
  const auto next = queue_->AsyncNext(&tag, &ok, until);
  if (was_empty) last_empty_ = std::chrono::steady_clock::now();
  switch (next) {
    case grpc::CompletionQueue::GOT_EVENT: static_cast<Tag*>(tag)->OnEvent(ok); return true;
    case grpc::CompletionQueue::SHUTDOWN: empty_.store(true); return false;
    case grpc::CompletionQueue::TIMEOUT: return false;
  }
  return false;
}

}  // namespace epigrid
