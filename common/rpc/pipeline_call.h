// The one call inside the pipeline: its gRPC reactor and its messages. Included by pipeline.h only.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>

#include "common/rpc/pipeline.h"

namespace epigrid::internal {

// Two owners: gRPC until OnDone, the handler until its Task has ended. The client is answered once,
// by whoever comes first: the handler, a cancellation, the deadline or the drain.
class PipelineCall : public Call, public grpc::ServerUnaryReactor {
 public:
  PipelineCall(Pipeline& pipeline, Method& method, grpc::CallbackServerContext* context,
               const CallHeaders& headers);

  // By the handler's end, on any thread.
  void HandlerEnded(const Status& status);
  void AddOwner() { owners_.fetch_add(1, std::memory_order_relaxed); }

 protected:
  ~PipelineCall() override = default;
  // Moves the response to where gRPC sends it from.
  virtual void DeliverResponse() = 0;

 private:
  friend class epigrid::Pipeline;

  void OnDone() override { Release(); }
  void OnCancel() override;
  // Our reactions are short and never block, so gRPC may run them where it is instead of on a
  // thread of its executor: without this a call costs two thread switches.
  bool InternalInlineable() override { return true; }

  // Answers the client, unless it was answered before.
  void Answer(const Status& status);
  void Record(const Status& status);
  void Release();
  bool DeadlineHasPassed() const { return std::chrono::steady_clock::now() >= deadline_; }

  Pipeline& pipeline_;
  Method& method_;
  grpc::CallbackServerContext* const context_;
  std::string_view authorization_;  // only while it is admitted
  std::atomic<uint32_t> owners_{1};
  bool watched_ = false;  // this and the links: under the pipeline's mutex
  PipelineCall* next_ = nullptr;
  PipelineCall* previous_ = nullptr;
};

template <typename Request, typename Response>
class UnaryCall final : public PipelineCall {
 public:
  UnaryCall(Pipeline& pipeline, Method& method, grpc::CallbackServerContext* context,
            const CallHeaders& headers, const Request* grpc_request, Response* grpc_response)
      : PipelineCall(pipeline, method, context, headers), grpc_response_(grpc_response) {
    // gRPC made the message for this call alone and looks at it no more.
    request_.Swap(const_cast<Request*>(grpc_request));
  }

  const Request& request() const { return request_; }
  Response& response() { return response_; }

 private:
  void DeliverResponse() override { grpc_response_->Swap(&response_); }

  Request request_;
  Response response_;
  Response* const grpc_response_;
};

inline SelfOwned RunHandler(PipelineCall* call, Task<Status> task) {
  call->HandlerEnded(co_await task);
}

}  // namespace epigrid::internal

namespace epigrid {

template <typename Service, typename Request, typename Response>
grpc::ServerUnaryReactor* Pipeline::Serve(grpc::CallbackServerContext* context,
                                          const Request* request, Response* response,
                                          Method& method, Service* service,
                                          Task<Status> (Service::*handler)(Call&, const Request&,
                                                                           Response&)) {
  auto* call = new internal::UnaryCall<Request, Response>(*this, method, context,
                                                          ReadHeaders(*context), request, response);
  if (Admit(*call)) {
    call->AddOwner();
    internal::RunHandler(call, (service->*handler)(*call, call->request(), call->response()));
  }
  return call;
}

}  // namespace epigrid
