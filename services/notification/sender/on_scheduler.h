// Carries answers from other threads to the scheduler's, where who waits for them may be destroyed
// meanwhile.
#pragma once

#include "common/base/scheduler.h"
#include "common/base/task.h"
#include "services/notification/channels/channel.h"

namespace epigrid::notification {

namespace internal {

template <typename T>
Task<void> SetOnScheduler(Scheduler& scheduler, Future<T> from, Promise<T> to) {
  T value = co_await from;
  scheduler.Post([value = std::move(value), to]() mutable { to.Set(std::move(value)); });
}

}  // namespace internal

// The Future's value, set on the scheduler's thread. The scheduler outlives the Future given.
template <typename T>
Future<T> OnScheduler(Scheduler& scheduler, Future<T> future) {
  Promise<T> promise;
  Future<T> there = promise.future();
  Spawn(internal::SetOnScheduler(scheduler, std::move(future), std::move(promise)));
  return there;
}

// A channel whose Futures are set on the scheduler's thread, which is what the sender asks for.
class ChannelOnScheduler final : public Channel {
 public:
  ChannelOnScheduler(Scheduler& scheduler, std::unique_ptr<Channel> channel)
      : scheduler_(scheduler), channel_(std::move(channel)) {}

  Future<SendResult> Send(OutgoingMessage message) override {
    return OnScheduler(scheduler_, channel_->Send(std::move(message)));
  }

 private:
  Scheduler& scheduler_;
  const std::unique_ptr<Channel> channel_;
};

}  // namespace epigrid::notification
