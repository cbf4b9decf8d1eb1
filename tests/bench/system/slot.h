// Slot: what one caller of a closed loop keeps from call to call, as a client that cares would.
//
//   std::vector<Slot<v1::GetCodeRequest, v1::GetCodeResponse>> slots(64);
//   Issue(*stub->async(), method, slots[slot], 1, std::move(done));
#pragma once

#include <grpcpp/client_context.h>

#include <memory>
#include <utility>

#include "tests/bench/system/closed_loop.h"

namespace epigrid::bench {

template <typename Request, typename Response>
struct Slot {
  Request request;
  Response response;
  std::unique_ptr<grpc::ClientContext> context;
};

// Begins an asynchronous unary call on a slot.
template <typename Async, typename Request, typename Response>
void Issue(Async& async,
           void (Async::*method)(grpc::ClientContext*, const Request*, Response*,
                                 std::function<void(grpc::Status)>),
           Slot<Request, Response>& slot, size_t items, CallDone done) {
  slot.context = std::make_unique<grpc::ClientContext>();
  slot.context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  (async.*method)(
      slot.context.get(), &slot.request, &slot.response,
      [done = std::move(done), items](const grpc::Status& status) { done(status.ok(), items); });
}

}  // namespace epigrid::bench
