// RpcQueue: a gRPC completion queue as the guest of an EventLoop. gRPC's sockets are read, calls
// are begun, continued and answered on the loop's thread, between its turns: a call that asks Redis
// on the same loop switches no thread from its first byte to its last.
//
//   RpcQueue queue(loop, builder.AddCompletionQueue());       // server_builder.h
//   stub->PrepareAsyncX(&context, request, queue.completion_queue());   // a client's call
//
// What gRPC is told to do on the queue is named by a Tag, whose OnEvent is called when it is done.
// No other thread may wait on a queue of the process (callback services and clients have such
// threads): of all that wait gRPC lets one read the sockets for the others, which costs each call a
// switch.
//
// Life cycle: before the servers and the calls that use it; destroyed after both, on another thread
// than the loop's.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>

#include "common/base/event_loop.h"

namespace epigrid {

class RpcQueue final : public LoopGuest {
 public:
  class Tag {
   public:
    // On the loop's thread. `ok` as gRPC says it of what was begun.
    virtual void OnEvent(bool ok) = 0;

   protected:
    ~Tag() = default;
  };

  RpcQueue(EventLoop& loop, std::unique_ptr<grpc::ServerCompletionQueue> queue);
  ~RpcQueue() override;
  RpcQueue(const RpcQueue&) = delete;
  RpcQueue& operator=(const RpcQueue&) = delete;

  EventLoop& loop() { return loop_; }
  grpc::ServerCompletionQueue* completion_queue() { return queue_.get(); }
  // On the loop's thread: when there was last nothing to do. What is being handed over now has
  // waited no longer than since then.
  std::chrono::steady_clock::time_point last_empty() const { return last_empty_; }

  bool Poll() override;
  void Wait(Duration longest) override;
  void Interrupt() override;

 private:
  struct Interruption final : Tag {
    explicit Interruption(RpcQueue& of) : queue(of) {}
    void OnEvent(bool) override { queue.interrupted_.store(false); }
    RpcQueue& queue;
  };

  // Whether there was an event before then. `was_empty`: there was none when it was called.
  bool Next(gpr_timespec until, bool was_empty);

  EventLoop& loop_;
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::chrono::steady_clock::time_point last_empty_;
  Interruption interruption_{*this};
  std::mutex mutex_;  // for the next two
  grpc::Alarm alarm_;
  bool closing_ = false;
  std::atomic<bool> interrupted_{false};  // the alarm is on its way
  std::atomic<bool> empty_{false};        // closing, and nothing is left
};

}  // namespace epigrid
