// What answers a call (its handler, its client's going away, the deadline, the drain) comes at the
// same moment, and handlers end on other threads than the loop's: every call is answered exactly
// once and freed exactly once.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>
#include <vector>

#include "common/rpc/pipeline.h"
#include "epigrid/echo/v1/echo.grpc.pb.h"

namespace epigrid {
namespace {

using echo::v1::EchoRequest;
using echo::v1::EchoResponse;
using echo::v1::EchoService;
using std::chrono::milliseconds;

constexpr auto kPatience = std::chrono::seconds(60);

// Its handlers wait until some thread lets them go on.
class WaitingApi final : public EchoService::AsyncService {
 public:
  explicit WaitingApi(Pipeline& pipeline) {
    pipeline.Serve("epigrid.echo.v1.EchoService/Echo", this, &WaitingApi::DoEcho);
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
  Task<Status> DoEcho(Call&, const EchoRequest& request, EchoResponse& response) {
    Promise<Done> promise;
    auto future = promise.future();
    {
      std::lock_guard lock(mutex_);
      waiting_.push_back(promise);
    }
    co_await future;
    // The messages belong to the call even when the client has long been answered.
    response.set_text(request.text());
    co_return OkStatus();
  }

  std::mutex mutex_;
  std::vector<Promise<Done>> waiting_;
};

// Calls whose answer, cancellation and deadline come at once; how many were answered in time.
int Race() {
  constexpr int kCalls = 2000;
  Metrics metrics;
  OpenSslRandom random;
  CallerDirectory callers(Callers::EveryoneIsOperator());
  PipelineOptions options;
  options.class_in_flight_max.fill(kCalls);
  EventLoop loop("test");
  grpc::ServerBuilder builder;
  RpcQueue queue(loop, builder.AddCompletionQueue());
  Pipeline pipeline(options, loop, callers, metrics, random);
  WaitingApi api(pipeline);
  builder.RegisterService(&api);
  builder.RegisterAsyncGenericService(&pipeline.unknown_methods());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  pipeline.Open(queue, {&api});

  struct OneCall {
    grpc::ClientContext context;
    EchoRequest request;
    EchoResponse response;
    grpc::Status status;
  };
  std::vector<OneCall> calls(kCalls);
  std::latch answered(kCalls);
  const auto stub = EchoService::NewStub(server->InProcessChannel({}));
  std::atomic<int> begun{0};
  std::thread beginner([&] {
    for (int i = 0; i < kCalls; ++i) {
      OneCall& call = calls[i];
      call.request.set_text(std::to_string(i));
      const Duration deadline = i % 2 == 0 ? Duration(milliseconds(30)) : Duration(kPatience);
      call.context.set_deadline(std::chrono::system_clock::now() + deadline);
      stub->async()->Echo(&call.context, &call.request, &call.response, [&](grpc::Status status) {
        call.status = std::move(status);
        answered.count_down();
      });
      begun.fetch_add(1);
    }
  });
  std::thread canceller([&] {
    for (int i = 0; i < kCalls; ++i) {
      while (begun.load() <= i) std::this_thread::yield();
      if (i % 3 == 0) calls[i].context.TryCancel();
    }
  });
  std::atomic<bool> over{false};
  std::vector<std::thread> releasers;
  for (int i = 0; i < 2; ++i) {
    releasers.emplace_back([&] {
      while (api.ReleaseOne() || !over.load()) std::this_thread::yield();
    });
  }
  beginner.join();
  canceller.join();
  answered.wait();
  EXPECT_EQ(pipeline.Drain(kPatience), 0u);
  over = true;
  for (std::thread& releaser : releasers) releaser.join();
  server->Shutdown(std::chrono::system_clock::now() + kPatience);
  pipeline.Close();

  int served = 0;
  for (int i = 0; i < kCalls; ++i) {
    if (!calls[i].status.ok()) continue;
    ++served;
    EXPECT_EQ(calls[i].response.text(), std::to_string(i));
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
