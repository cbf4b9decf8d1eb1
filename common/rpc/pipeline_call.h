// The one call inside the pipeline: what gRPC knows of it, and its messages. Included by pipeline.h
// only.
#pragma once

#include <google/protobuf/message.h>

#include <optional>

#include "common/rpc/pipeline.h"

namespace epigrid::internal {

// Waits for a client, then serves it once. Owners: gRPC while it has something to say of the call,
// and who is to begin the handler, and then that until its Task has ended. The client is answered
// once, by whatever comes first: the handler, a cancellation, the deadline or the drain. On the
// loop's thread, but for HandlerEnded.
class PipelineCall : public Call, private Admission::Waiting {
 public:
  PipelineCall(Pipeline& pipeline, Method& method);

  // By the handler's end, on any thread.
  void HandlerEnded(const Status& status);

 protected:
  // Named by what gRPC is told to do.
  template <void (PipelineCall::*on_event)(bool)>
  struct Event final : RpcQueue::Tag {
    explicit Event(PipelineCall& of) : call(of) {}
    void OnEvent(bool ok) override { (call.*on_event)(ok); }
    PipelineCall& call;
  };

  virtual ~PipelineCall() = default;
  virtual grpc::ServerContext& context() = 0;
  virtual void RequestNextCall() = 0;
  // Lets the call in (LetIn), or answers it.
  virtual void Begin() = 0;
  // Once it is let in: what came as bytes is read; nullptr: they are no such message.
  virtual const google::protobuf::Message* ReadRequest() = 0;
  virtual Task<Status> Handle() = 0;
  virtual void SendResponse(RpcQueue::Tag* sent) = 0;
  virtual void SendError(const grpc::Status& status, RpcQueue::Tag* sent) = 0;
  // gRPC has said all: what it keeps of the call may go.
  virtual void LetGoOfGrpc() = 0;

  // The handler begins, now or when its turn comes, or the call is answered.
  void LetIn(size_t request_bytes);
  void RefuseAsUnknown(std::string_view method);

  void OnArrival(bool ok);
  void OnSent(bool ok);
  void OnDone(bool ok);
  Event<&PipelineCall::OnArrival> arrival_{*this};
  Event<&PipelineCall::OnSent> sent_{*this};
  Event<&PipelineCall::OnDone> done_{*this};

 private:
  friend class epigrid::Pipeline;

  void ReadHeaders();
  void OnPlace() override;
  void OnTooLate() override;
  // Of a call that was let in.
  void End(const Status& status);
  // Before its handler began.
  void EndRefused(Pipeline::Refusal refusal, const Status& status);
  // Answers the client, unless it was answered before. `gone`: there is nobody to send it to.
  void Answer(const Status& status, bool gone = false);
  void Record(const Status& status);
  void AddOwner() { ++owners_; }
  void Release();
  void GrpcHasSaid();
  bool DeadlineHasPassed() const { return std::chrono::steady_clock::now() >= deadline_; }

  Pipeline& pipeline_;
  Method& method_;
  std::string_view authorization_;  // only while it is admitted
  bool authorization_repeated_ = false;
  bool let_in_ = false;
  bool client_named_it_ = false;  // the client sent a harmless x-request-id
  SteadyTime began_;              // its handler; not set: it has not
  Duration waited_before_{};      // for the loop to look at it
  int owners_ = 1;
  int awaited_of_grpc_ = 1;
  bool watched_ = false;
  PipelineCall* next_ = nullptr;
  PipelineCall* previous_ = nullptr;
};

inline SelfOwned RunHandler(PipelineCall* call, Task<Status> task) {
  call->HandlerEnded(co_await task);
}

template <typename Service, typename Request, typename Response>
class UnaryMethod final : public Registration {
 public:
  using Handler = Task<Status> (Service::*)(epigrid::Call&, const Request&, Response&);

  UnaryMethod(Pipeline& pipeline, Method& method, Service* service, Handler handler)
      : pipeline_(pipeline), method_(method), service_(service), handler_(handler) {}

  const grpc::Service* service() const override { return service_; }
  void RequestCall(RpcQueue& queue) override { new UnaryCall(*this, queue); }

 private:
  class UnaryCall final : public PipelineCall {
   public:
    UnaryCall(UnaryMethod& method, RpcQueue& queue)
        : PipelineCall(method.pipeline_, method.method_), unary_(method), queue_(queue) {
      grpc_.emplace();
      grpc_->context.AsyncNotifyWhenDone(&done_);
      UnaryRequests::RequestNext(*unary_.service_, unary_.method_.descriptor()->index(),
                                 grpc_->context, request_, grpc_->writer, *queue.completion_queue(),
                                 &arrival_);
    }

   private:
    struct Grpc {
      grpc::ServerContext context;
      grpc::ServerAsyncResponseWriter<Response> writer{&context};
    };

    grpc::ServerContext& context() override { return grpc_->context; }
    void RequestNextCall() override { unary_.RequestCall(queue_); }
    void Begin() override { LetIn(request_.bytes.Length()); }
    const google::protobuf::Message* ReadRequest() override {
      return request_.Read() ? &request_.message : nullptr;
    }
    Task<Status> Handle() override {
      return (unary_.service_->*unary_.handler_)(*this, request_.message, response_);
    }
    void SendResponse(RpcQueue::Tag* sent) override {
      grpc_->writer.Finish(response_, grpc::Status::OK, sent);
    }
    void SendError(const grpc::Status& status, RpcQueue::Tag* sent) override {
      grpc_->writer.FinishWithError(status, sent);
    }
    void LetGoOfGrpc() override { grpc_.reset(); }

    UnaryMethod& unary_;
    RpcQueue& queue_;
    Received<Request> request_;
    Response response_;
    std::optional<Grpc> grpc_;
  };

  Pipeline& pipeline_;
  Method& method_;
  Service* const service_;
  const Handler handler_;
};

// Takes the next call of a method that the server has not, and answers that.
void RequestUnknownMethod(Pipeline& pipeline, Method& method, grpc::AsyncGenericService& service,
                          RpcQueue& queue);

}  // namespace epigrid::internal

namespace epigrid {

template <typename Service, typename Request, typename Response>
void Pipeline::Serve(std::string_view name, Service* service,
                     Task<Status> (Service::*handler)(Call&, const Request&, Response&),
                     MethodOptions options) {
  Method& method = AddMethod(name, options);
  EPIGRID_CHECK(method.descriptor()->input_type() == Request::descriptor() &&
                    method.descriptor()->output_type() == Response::descriptor(),
                "a handler of another method: " + std::string(name));
  registrations_.push_back(std::make_unique<internal::UnaryMethod<Service, Request, Response>>(
      *this, method, service, handler));
}

}  // namespace epigrid
