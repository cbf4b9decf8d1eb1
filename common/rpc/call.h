// Call: what a handler may know of the call that it serves.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string_view>

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/rpc/admission.h"
#include "common/rpc/callers.h"
#include "common/rpc/trace.h"

namespace epigrid {

// Valid until the handler's Task has ended. A handler may outlive its client: it is not stopped by
// a cancellation or a deadline, since a fact may be half way into the log; it asks cancelled()
// where it can stop early.
class Call {
 public:
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const Caller& caller() const { return *caller_; }
  // "package.Service/Method".
  std::string_view method() const { return method_name_; }
  // The client's x-request-id, if it is harmless, or a random one: names the call in logs. Not the
  // request_id of mutations, which is a field of the request.
  std::string_view request_id() const { return request_id_; }
  std::string_view trace_id() const { return trace_.trace_id(); }
  // To be handed on, in an envelope or a call.
  std::string_view traceparent() const { return trace_.header(); }
  LogContext log_context() const { return {trace_id(), request_id()}; }

  // When the client is answered DEADLINE_EXCEEDED at the latest. Always set.
  SteadyTime deadline() const { return deadline_; }
  // How long a handler may wait for something and still answer in time with what has come: what
  // remains less a quarter of it, or less 250 ms. At the deadline the client's own timer is first.
  Duration wait_time() const {
    const Duration left = std::max(Duration(0), std::chrono::duration_cast<Duration>(
                                                    deadline_ - std::chrono::steady_clock::now()));
    return left - std::min<Duration>(std::chrono::milliseconds(250), left / 4);
  }
  // What its work counts as: work_class.h.
  WorkClass work() const { return work_; }
  // On the pipeline's loop: what remains waits for others than this server's loop and view, as for
  // a fold. It gives its place in flight back, and how long it takes says nothing of the load here.
  void HandOver() {
    handed_over_ = true;
    place_ = {};
  }
  // Whether the client has been answered already: it went away, or the deadline has passed.
  bool cancelled() const { return answered_.load(std::memory_order_acquire); }

 protected:
  explicit Call(std::string_view method_name) : method_name_(method_name) {}
  ~Call() = default;

  std::string_view method_name_;
  TraceParent trace_;
  std::array<char, 64> request_id_text_;
  std::string_view request_id_;
  SteadyTime started_;
  SteadyTime deadline_;
  const Caller* caller_ = nullptr;
  std::shared_ptr<const Callers> callers_;  // keeps caller_
  std::atomic<bool> answered_{false};
  WorkClass work_ = WorkClass::kCritical;
  bool handed_over_ = false;
  AdmissionPlace place_;
};

}  // namespace epigrid
