// LoopGuest: what shares an EventLoop's thread with libuv and waits in a way of its own, so that
// libuv cannot wait for it: gRPC's completion queue (common/rpc/rpc_queue.h).
//
// The loop then lets libuv and its guest do what they can by turns, and waits by the guest while a
// LoopWatch looks after libuv. What comes for the guest costs no switch of threads, ever; what
// comes for libuv costs one, and only when it comes to a loop that has nothing else to do.
#pragma once

#include <thread>

#include "common/base/clock.h"

namespace epigrid {

class LoopGuest {
 public:
  virtual ~LoopGuest() = default;

  // On the loop's thread. Does what can be done without waiting, some of it if there is much;
  // whether there was anything.
  virtual bool Poll() = 0;
  // On the loop's thread. Waits for at most `longest` until there is something to do, and does it.
  virtual void Wait(Duration longest) = 0;
  // From any thread: ends a Wait, this one or the next.
  virtual void Interrupt() = 0;
};

// Interrupts the guest when libuv has something to do, once each time it is armed: a thread that
// waits for libuv's descriptor.
class LoopWatch {
 public:
  LoopWatch(int loop_descriptor, LoopGuest& guest);
  ~LoopWatch();
  LoopWatch(const LoopWatch&) = delete;
  LoopWatch& operator=(const LoopWatch&) = delete;

  void Arm();
  void Disarm();

 private:
  void Run();

  const int loop_descriptor_;
  LoopGuest& guest_;
  int epoll_ = -1;
  int stop_ = -1;  // eventfd
  std::thread thread_;
};

}  // namespace epigrid
