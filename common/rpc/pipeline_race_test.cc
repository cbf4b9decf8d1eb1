// The pipeline without a network: what answers a call (its handler, a cancellation, the deadline,
// the drain) comes from many threads at the same moment, and every call is answered exactly once
// and freed exactly once. The thread sanitizer sees all of it, which it does not behind gRPC, whose
// libraries are not instrumented.
#include <grpcpp/server_context.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "common/rpc/pipeline.h"
#include "epigrid/echo/v1/echo.grpc.pb.h"
#include "epigrid/echo/v1/echo.pb.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// What gRPC keeps between Finish and the binding is guarded by a mutex that the sanitizer cannot
// see.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:^grpc::ServerUnaryReactor::Finish\nrace:^grpc::ServerUnaryReactor::"
         "InternalBindCall\n";
}
#endif
#endif

namespace epigrid {
namespace {

using echo::v1::EchoRequest;
using echo::v1::EchoResponse;

// gRPC's side of one call. It owns the reactor until it has been finished and its cancellation, if
// any, is over.
class FakeServerCall final : public grpc::ServerCallbackUnary {
 public:
  void Bind(grpc::ServerUnaryReactor* reactor) {
    reactor_ = reactor;
    BindReactor(reactor);
  }
  void Finish(grpc::Status status) override {
    EXPECT_EQ(finishes_.fetch_add(1), 0) << "answered twice";
    code_.store(status.error_code());
  }
  void SendInitialMetadata() override {}
  void Cancel() { static_cast<grpc::internal::ServerReactor*>(reactor_)->OnCancel(); }
  // Once it is finished, and after Cancel.
  void Done() { static_cast<grpc::internal::ServerReactor*>(reactor_)->OnDone(); }
  bool finished() const { return finishes_.load() == 1; }
  grpc::StatusCode code() const { return code_.load(); }

  grpc::CallbackServerContext context;
  EchoRequest request;
  EchoResponse response;

 private:
  grpc::internal::ServerReactor* reactor() override { return reactor_; }
  void CallOnDone() override {}

  grpc::ServerUnaryReactor* reactor_ = nullptr;
  std::atomic<int> finishes_{0};
  std::atomic<grpc::StatusCode> code_{grpc::StatusCode::DO_NOT_USE};
};

class WaitingApi {
 public:
  Task<Status> Echo(Call& call, const EchoRequest& request, EchoResponse& response) {
    Promise<Done> promise;
    auto future = promise.future();
    {
      std::lock_guard lock(mutex_);
      waiting_.push_back(promise);
    }
    co_await future;
    // The messages belong to the call even when the client has long been answered.
    response.set_text(request.text());
    if (call.cancelled()) cancelled_.fetch_add(1);
    co_return OkStatus();
  }
  bool ReleaseOne() {
    std::optional<Promise<Done>> promise;
    {
      std::lock_guard lock(mutex_);
      if (waiting_.empty()) return false;
      promise = waiting_.back();
      waiting_.pop_back();
    }
    promise->Set(Done{});
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<Promise<Done>> waiting_;
  std::atomic<int> cancelled_{0};
};

// Calls whose answer, cancellation and deadline come at once; how many were answered in time.
int Race() {
  constexpr int kCalls = 2000;
  Metrics metrics;
  OpenSslRandom random;
  CallerDirectory callers(Callers::EveryoneIsOperator());
  PipelineOptions options;
  options.class_in_flight_max.fill(kCalls);
  options.default_deadline = std::chrono::milliseconds(30);
  Pipeline pipeline(options, callers, metrics, random);
  Method& echo = pipeline.AddMethod("epigrid.echo.v1.EchoService/Echo");
  WaitingApi api;

  std::vector<std::unique_ptr<FakeServerCall>> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back(std::make_unique<FakeServerCall>());
    calls.back()->request.set_text(std::to_string(i));
  }
  std::atomic<int> begun{0};
  std::atomic<int> cancelled{0};
  std::thread beginner([&] {
    for (auto& call : calls) {
      call->Bind(pipeline.Serve(&call->context, &call->request, &call->response, echo, &api,
                                &WaitingApi::Echo));
      begun.fetch_add(1);
    }
  });
  std::thread canceller([&] {
    for (int i = 0; i < kCalls; ++i) {
      while (begun.load() <= i) std::this_thread::yield();
      if (i % 3 == 0) calls[i]->Cancel();
      cancelled.fetch_add(1);
    }
  });
  std::thread finisher([&] {
    for (int i = 0; i < kCalls; ++i) {
      while (cancelled.load() <= i || !calls[i]->finished()) std::this_thread::yield();
      calls[i]->Done();
    }
  });
  std::atomic<bool> over{false};
  std::thread releaser([&] {
    while (api.ReleaseOne() || !over.load()) std::this_thread::yield();
  });
  beginner.join();
  canceller.join();
  finisher.join();
  EXPECT_EQ(pipeline.Drain(std::chrono::seconds(30)), 0u);
  over = true;
  releaser.join();

  int served = 0;
  for (int i = 0; i < kCalls; ++i) {
    EXPECT_TRUE(calls[i]->finished()) << i;
    if (calls[i]->code() != grpc::OK) continue;
    ++served;
    EXPECT_EQ(calls[i]->response.text(), std::to_string(i));
  }
  return served;
}

TEST(PipelineRaceTest, WhateverComesFirstAnswersTheCallOnceAndNothingIsLeft) {
  // On a busy machine every call of a round may run into its deadline.
  for (int served = 0, round = 0; served == 0 && !testing::Test::HasFailure(); ++round) {
    ASSERT_LT(round, 100);
    served = Race();
  }
}

}  // namespace
}  // namespace epigrid
