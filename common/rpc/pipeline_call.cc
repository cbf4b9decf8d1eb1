#include "common/rpc/pipeline_call.h"

#include <prometheus/histogram.h>

#include <algorithm>
#include <cctype>

#include "common/rpc/status_details.h"

namespace epigrid::internal {
namespace {

constexpr char kRequestIdHeader[] = "x-request-id";
constexpr uint32_t kExhaustedLoggedOneIn = 100;

std::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

// As many digits in a row as a mobile number, an old or a new resident id (with or without its X)
// has.
bool IsNumberOfPerson(size_t digits) { return digits == 11 || digits == 15 || digits >= 17; }

// RFC 4122: 8-4-4-4-12 hexadecimal digits.
bool IsUuid(std::string_view id) {
  if (id.size() != 36) return false;
  for (size_t i = 0; i < id.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? id[i] != '-' : std::isxdigit(static_cast<unsigned char>(id[i])) == 0) return false;
  }
  return true;
}

// A client's id is taken over into logs and answers only when it is short, plain and holds no
// number of a person, however it is set apart. Redact would be too strict: it is wary of what looks
// random.
bool IsHarmlessRequestId(std::string_view id) {
  if (id.empty() || id.size() > 64) return false;
  if (IsUuid(id)) return true;
  size_t digits = 0;
  for (const unsigned char c : id) {
    if (std::isdigit(c) != 0) {
      ++digits;
    } else if (std::isalpha(c) != 0) {
      if (IsNumberOfPerson(digits)) return false;
      digits = 0;
    } else if (c != '-' && c != '_' && c != '.') {
      return false;
    }
  }
  return !IsNumberOfPerson(digits);
}

// What a client calls goes back to it only if it looks like a method: "/package.Service/Method".
bool IsHarmlessMethod(std::string_view method) {
  return method.size() <= 200 && std::ranges::all_of(method, [](const unsigned char c) {
           return std::isalnum(c) != 0 || c == '/' || c == '.' || c == '_';
         });
}

struct UnknownGrpc {
  grpc::GenericServerContext context;
  grpc::GenericServerAsyncReaderWriter stream{&context};
};

class UnknownMethodCall final : public PipelineCall {
 public:
  UnknownMethodCall(Pipeline& pipeline, Method& method, grpc::AsyncGenericService& service,
                    RpcQueue& queue)
      : PipelineCall(pipeline, method),
        pipeline_(pipeline),
        method_(method),
        service_(service),
        queue_(queue) {
    grpc_.emplace();
    grpc_->context.AsyncNotifyWhenDone(&done_);
    service.RequestCall(&grpc_->context, &grpc_->stream, queue.completion_queue(),
                        queue.completion_queue(), &arrival_);
  }

 private:
  grpc::ServerContext& context() override { return grpc_->context; }
  void RequestNextCall() override { RequestUnknownMethod(pipeline_, method_, service_, queue_); }
  void Begin() override { RefuseAsUnknown(grpc_->context.method()); }
  const google::protobuf::Message* ReadRequest() override { return nullptr; }
  Task<Status> Handle() override { co_return Internal("METHOD_UNKNOWN", "nobody handles it"); }
  void SendResponse(RpcQueue::Tag*) override { EPIGRID_CHECK(false, "nobody handles it"); }
  void SendError(const grpc::Status& status, RpcQueue::Tag* sent) override {
    grpc_->stream.Finish(status, sent);
  }
  void LetGoOfGrpc() override { grpc_.reset(); }

  Pipeline& pipeline_;
  Method& method_;
  grpc::AsyncGenericService& service_;
  RpcQueue& queue_;
  std::optional<UnknownGrpc> grpc_;
};

}  // namespace

void RequestUnknownMethod(Pipeline& pipeline, Method& method, grpc::AsyncGenericService& service,
                          RpcQueue& queue) {
  new UnknownMethodCall(pipeline, method, service, queue);
}

PipelineCall::PipelineCall(Pipeline& pipeline, Method& method)
    : Call(method.name_), pipeline_(pipeline), method_(method) {
  pipeline_.with_grpc_.fetch_add(1);
}

void PipelineCall::OnArrival(bool ok) {
  if (!ok) return GrpcHasSaid();  // the server is shut down, and OnDone will not come
  started_ = std::chrono::steady_clock::now();
  waited_before_ = pipeline_.WaitedFor(started_);
  RequestNextCall();
  ++awaited_of_grpc_;  // OnDone
  ReadHeaders();
  Begin();
  GrpcHasSaid();
}

void PipelineCall::LetIn(size_t request_bytes) {
  if (!pipeline_.Admit(*this, request_bytes)) return;
  let_in_ = true;
  AddOwner();
  if (pipeline_.admission_.Enter(work_, *this, started_)) OnPlace();
}

void PipelineCall::OnPlace() {
  place_ = AdmissionPlace(pipeline_.admission_, work_);
  const google::protobuf::Message* const request = ReadRequest();
  if (request == nullptr) {
    return EndRefused(Pipeline::Refusal::kMalformed, Pipeline::MalformedRequest(method_));
  }
  pipeline_.ChargeItems(*this, *request);
  began_ = std::chrono::steady_clock::now();
  RunHandler(this, Handle());
}

void PipelineCall::OnTooLate() {
  EndRefused(Pipeline::Refusal::kOverloaded, pipeline_.Overloaded(work_));
}

void PipelineCall::EndRefused(Pipeline::Refusal refusal, const Status& status) {
  pipeline_.CountRefusal(*this, refusal);
  End(status);
}

void PipelineCall::RefuseAsUnknown(std::string_view method) {
  method_.started_->Increment();
  Status status(Code::kUnimplemented, "METHOD_UNKNOWN",
                "this server has no such method; `epigridctl call` lists those it has");
  if (IsHarmlessMethod(method)) status = std::move(status).With("method", std::string(method));
  pipeline_.Refuse(*this, Pipeline::Refusal::kUnknownMethod, status);
}

void PipelineCall::ReadHeaders() {
  std::string_view request_id;
  std::string_view traceparent;
  for (const auto& [key, value] : context().client_metadata()) {
    const std::string_view name = View(key);
    if (name == "authorization") {
      authorization_repeated_ = !authorization_.empty();
      authorization_ = View(value);
    } else if (name == kRequestIdHeader) {
      request_id = View(value);
    } else if (name == "traceparent") {
      traceparent = View(value);
    }
  }
  trace_ = TraceParent(traceparent, pipeline_.NextRandom(), pipeline_.NextRandom(),
                       pipeline_.NextRandom());
  client_named_it_ = IsHarmlessRequestId(request_id);
  if (client_named_it_) {
    std::ranges::copy(request_id, request_id_text_.begin());
    request_id_ = {request_id_text_.data(), request_id.size()};
  } else {
    WriteHex(pipeline_.NextRandom(), request_id_text_.data());
    request_id_ = {request_id_text_.data(), 16};
  }
}

void PipelineCall::HandlerEnded(const Status& status) {
  if (pipeline_.loop_.OnLoopThread()) {
    End(status);
  } else {
    pipeline_.loop_.Post([this, status] { End(status); });
  }
}

void PipelineCall::End(const Status& status) {
  if (status.ok()) pipeline_.SampleLatency(*this);
  Answer(status);
  place_ = {};
  pipeline_.LeavePlace(*this);
  Release();
}

void PipelineCall::OnSent(bool) {
  if (let_in_) --pipeline_.UnderWayOf(*this).answers;
  GrpcHasSaid();
}

void PipelineCall::OnDone(bool) {
  if (context().IsCancelled()) {
    Answer(DeadlineHasPassed()
               ? DeadlineExceeded("DEADLINE_EXCEEDED", "the call's deadline has passed")
               : Status(Code::kCancelled, "CANCELLED", "the client went away"),
           /*gone=*/true);
  }
  GrpcHasSaid();
}

void PipelineCall::Answer(const Status& status, bool gone) {
  if (answered_.exchange(true, std::memory_order_acq_rel)) return;
  pipeline_.Unwatch(*this);
  if (let_in_ && !gone) ++pipeline_.UnderWayOf(*this).answers;
  if (in_line()) pipeline_.LeaveLine(*this);
  Record(status);
  if (gone) return;
  ++awaited_of_grpc_;  // OnSent
  // Who succeeds without having named the call has no use for a name.
  if (!status.ok() || client_named_it_) {
    context().AddTrailingMetadata(kRequestIdHeader, std::string(request_id_));
  }
  if (status.ok()) {
    SendResponse(&sent_);
  } else {
    SendError(ToGrpcStatus(status), &sent_);
  }
}

void PipelineCall::Record(const Status& status) {
  const auto took = std::chrono::steady_clock::now() - started_;
  method_.handled_[static_cast<size_t>(status.code())]->Increment();
  method_.seconds_->Observe(std::chrono::duration<double>(took).count());
  const Safe caller(caller_ == nullptr ? "" : std::string_view(caller_->name));
  if (status.ok()) {
    const uint32_t one_in = pipeline_.options_.access_log_one_in;
    if (one_in > 0 && method_.successes_++ % one_in == 0) {
      EPIGRID_LOG_INFO("rpc.served", {log_context()}, {"method", Safe(method())},
                       {"caller", caller}, {"took_ms", took}, {"one_in", one_in});
    } else {
      EPIGRID_LOG_DEBUG("rpc.served", {log_context()}, {"method", Safe(method())},
                        {"caller", caller}, {"took_ms", took});
    }
  } else if (status.code() == Code::kInternal || status.code() == Code::kUnknown ||
             status.code() == Code::kDataLoss) {
    EPIGRID_LOG_ERROR("rpc.failed", {log_context()}, {"method", Safe(method())}, {"caller", caller},
                      {"took_ms", took}, {status});
  } else if (status.code() == Code::kResourceExhausted) {
    // Under a flood one line each would be a good part of what a refusal costs.
    if (method_.exhausted_++ % kExhaustedLoggedOneIn != 0) return;
    EPIGRID_LOG_INFO("rpc.failed", {log_context()}, {"method", Safe(method())}, {"caller", caller},
                     {"took_ms", took}, {"one_in", kExhaustedLoggedOneIn}, {status});
  } else {
    EPIGRID_LOG_INFO("rpc.failed", {log_context()}, {"method", Safe(method())}, {"caller", caller},
                     {"took_ms", took}, {status});
  }
}

void PipelineCall::GrpcHasSaid() {
  if (--awaited_of_grpc_ > 0) return;
  LetGoOfGrpc();
  pipeline_.with_grpc_.fetch_sub(1);
  Release();
}

void PipelineCall::Release() {
  if (--owners_ == 0) delete this;
}

}  // namespace epigrid::internal
