// EventLoop: a thread with a libuv loop on it. Redis connections, timers and the step machines of
// one service run on one loop, without locks between them.
//
//   EventLoop loop("tracing");
//   loop.Post([] { ... });                 // from any thread
//   co_await loop.Sleep(20ms);             // resumes on the loop's thread
//
// Life cycle: runs from construction; Stop() (also called by the destructor, never from the loop's
// thread) lets what is posted finish, with what that posts in turn, drops pending sleeps without
// resuming who waits for them, and joins the thread. Objects that live on the loop are destroyed on
// it: post their destruction before Stop (RunOnLoop waits for it). What is posted after Stop never
// runs.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>

#include "common/base/loop_guest.h"
#include "common/base/scheduler.h"

namespace epigrid {

class EventLoop final : public Scheduler {
 public:
  explicit EventLoop(std::string name);
  ~EventLoop() override;

  Time Now() const override;
  Future<Done> Sleep(Duration duration) override;
  void Post(std::function<void()> fn) override;

  // Posts fn and waits until it has run. Never from the loop's thread, and not after Stop.
  void RunOnLoop(std::function<void()> fn);
  void Stop();
  bool OnLoopThread() const;

  // For those who add their own handles, on the loop's thread only.
  uv_loop_t* uv();
  // On the loop's thread: some handle was started, so the loop turns once more before it waits.
  void TurnAgain();
  // On the loop's thread: calls fn before the loop waits the next time, when what is there to be
  // done has been done: for what is gathered to go out together. In the order of the calls; what fn
  // asks for in turn is called in the same go.
  void BeforeWait(std::function<void()> fn);
  // On the loop's thread: a question went out whose answer comes within microseconds. The loop
  // waits a moment for libuv before it waits for its guest.
  void ExpectAnswer();

  // From now on the loop serves `guest` too; nullptr: no more. Never from the loop's thread. One at
  // a time, and none when the loop stops.
  void SetGuest(LoopGuest* guest);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace epigrid
