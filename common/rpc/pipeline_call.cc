#include "common/rpc/pipeline_call.h"

#include <prometheus/histogram.h>

#include <algorithm>
#include <cctype>

#include "common/rpc/status_details.h"

namespace epigrid::internal {
namespace {

constexpr char kRequestIdHeader[] = "x-request-id";

// As many digits in a row as a mobile number, an old or a new resident id (with or without its X)
// has.
bool IsNumberOfPerson(size_t digits) { return digits == 11 || digits == 15 || digits >= 17; }

// A client's id is taken over into logs and answers only when it is short, plain and holds no
// number of a person. Redact would be too strict: it is wary of what looks random.
bool IsHarmlessRequestId(std::string_view id) {
  if (id.empty() || id.size() > 64) return false;
  size_t digits = 0;
  for (const unsigned char c : id) {
    if (std::isdigit(c) != 0) {
      ++digits;
      continue;
    }
    if (IsNumberOfPerson(digits) || (std::isalpha(c) == 0 && c != '-' && c != '_' && c != '.'))
      return false;
    digits = 0;
  }
  return !IsNumberOfPerson(digits);
}

}  // namespace

PipelineCall::PipelineCall(Pipeline& pipeline, Method& method, grpc::CallbackServerContext* context,
                           const CallHeaders& headers)
    : Call(method.name_,
           TraceParent(headers.traceparent, pipeline.NextRandom(), pipeline.NextRandom(),
                       pipeline.NextRandom()),
           std::chrono::steady_clock::now()),
      pipeline_(pipeline),
      method_(method),
      context_(context),
      authorization_(headers.authorization) {
  if (IsHarmlessRequestId(headers.request_id)) {
    std::ranges::copy(headers.request_id, request_id_text_.begin());
    request_id_ = {request_id_text_.data(), headers.request_id.size()};
  } else {
    WriteHex(pipeline.NextRandom(), request_id_text_.data());
    request_id_ = {request_id_text_.data(), 16};
  }
}

void PipelineCall::HandlerEnded(const Status& status) {
  Answer(status);
  pipeline_.LeavePlace(*this);
  Release();
}

void PipelineCall::OnCancel() {
  Answer(DeadlineHasPassed()
             ? DeadlineExceeded("DEADLINE_EXCEEDED", "the call's deadline has passed")
             : Status(Code::kCancelled, "CANCELLED", "the client went away"));
}

void PipelineCall::Answer(const Status& status) {
  if (answered_.exchange(true, std::memory_order_acq_rel)) return;
  pipeline_.Unwatch(*this);
  Record(status);
  if (status.ok()) {
    DeliverResponse();
    Finish(grpc::Status::OK);
  } else {
    context_->AddTrailingMetadata(kRequestIdHeader, std::string(request_id_));
    Finish(ToGrpcStatus(status));
  }
}

void PipelineCall::Record(const Status& status) {
  const auto took = std::chrono::steady_clock::now() - started_;
  method_.handled_[static_cast<size_t>(status.code())]->Increment();
  method_.seconds_->Observe(std::chrono::duration<double>(took).count());
  const Safe caller(caller_ == nullptr ? "" : std::string_view(caller_->name));
  if (status.ok()) {
    const uint32_t one_in = pipeline_.options_.access_log_one_in;
    if (one_in > 0 && method_.successes_.fetch_add(1, std::memory_order_relaxed) % one_in == 0) {
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
  } else {
    EPIGRID_LOG_INFO("rpc.failed", {log_context()}, {"method", Safe(method())}, {"caller", caller},
                     {"took_ms", took}, {status});
  }
}

void PipelineCall::Release() {
  if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

}  // namespace epigrid::internal
