// Pipeline: what every unary gRPC method of this project goes through, between gRPC and its
// handler.
//
//   class CodeApi final : public v1::HealthCodeService::AsyncService {
//    public:
//     explicit CodeApi(Pipeline& pipeline) {
//       pipeline.Serve("epigrid.health_code.v1.HealthCodeService/GetCode", this, &CodeApi::DoGetCode);
//     }
//    private:
//     Task<Status> DoGetCode(Call& call, const v1::GetCodeRequest& request, v1::GetCodeResponse& response);
//   };
//
//   RpcQueue queue(loop, builder.AddCompletionQueue());
//   builder.RegisterService(&api);
//   builder.RegisterAsyncGenericService(&pipeline.unknown_methods());
//   auto server = builder.BuildAndStart();
//   pipeline.Open(queue, {&api});
//
// In this order: request id and trace; caller (authorization: Bearer, or the client's certificate);
// allowed method; size; deadline; draining and limits in flight; quotas (quotas.h); its turn by
// class of work (admission.h); a request that can be read; the handler; error mapping
// (status_details.h); metrics and access log. Every error, and what a client has named, is answered
// with its x-request-id as trailing metadata. What is refused costs no reading of its request.
//
// Refusals, each with a RetryInfo where trying again helps:
//   UNIMPLEMENTED      METHOD_UNKNOWN           no service of this server has it; whoever calls
//   UNAVAILABLE        DRAINING                 the server is going away, and has done nothing
//   UNAUTHENTICATED    TOKEN_MISSING, AUTHORIZATION_MALFORMED, AUTHORIZATION_REPEATED, TOKEN_UNKNOWN,
//                      CERTIFICATE_UNKNOWN
//   PERMISSION_DENIED  METHOD_NOT_ALLOWED       metadata "method", "caller"
//   PERMISSION_DENIED  OPERATORS_ONLY           the same
//   INVALID_ARGUMENT   REQUEST_MALFORMED, REQUEST_TOO_LARGE
//   DEADLINE_EXCEEDED  DEADLINE_EXCEEDED        it had passed on arrival, or passed while the handler worked
//   RESOURCE_EXHAUSTED CLASS_LIMIT, SERVER_LIMIT, QUOTA_EXCEEDED, OVERLOADED
//   CANCELLED          CANCELLED                the client went away (nobody reads it but the metrics)
//
// The handler is a member function that is a coroutine: its object must outlive the pipeline's
// drain, and a lambda, whose captures would die under it, does not fit. Its request and response
// belong to the call, not to gRPC, so a client that goes away is let go at once while the handler
// works on.
//
// Life cycle: made before the server; Serve before the server starts, Open after; Drain, then
// grpc::Server::Shutdown, then Close, then the destructor, before the loop is stopped. Threads:
// calls arrive, begin and are answered on the loop's thread. A handler goes on wherever what it
// awaits resumes it, and never blocks; one that ends on another thread is answered from the loop's.
// Drain and Close from any other thread.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/event_loop.h"
#include "common/base/ids.h"
#include "common/base/task.h"
#include "common/metrics/metrics.h"
#include "common/rpc/admission.h"
#include "common/rpc/call.h"
#include "common/rpc/callers.h"
#include "common/rpc/quotas.h"
#include "common/rpc/received.h"
#include "common/rpc/rpc_queue.h"
#include "common/rpc/work_class.h"

namespace epigrid {

struct PipelineOptions {
  Duration default_deadline = std::chrono::seconds(5);  // of a call whose client sets none
  Duration deadline_max = std::chrono::seconds(60);     // a later one is brought down to this
  // Calls in flight, over all classes. Operators are exempt: they must get in when all else is
  // full.
  uint32_t in_flight_max = 4096;
  // Calls in flight by class, in the order of CallerClass.
  std::array<uint32_t, kCallerClassCount> class_in_flight_max = {4096, 1024, 1024, 128, 64};
  Duration retry_after = std::chrono::milliseconds(200);  // what a refused caller is told to wait
  // Of a request. What is longer than gRPC's own limit, which is to be higher, does not come here.
  uint32_t message_bytes_max = 4 << 20;
  uint32_t access_log_one_in = 1000;  // successes logged at info; 0: none. All are at debug.
  bool mtls = false;                  // whether clients may be known by their certificates
};

struct MethodOptions {
  Duration default_deadline{0};  // 0: the pipeline's
  Duration deadline_max{0};
  bool operators_only = false;  // whatever methods other classes were given
  WorkClass work = WorkClass::kInteractive;
  // While the server drains too. It is quick and changes nothing: whoever loses it asks elsewhere.
  bool served_to_the_end = false;
};

namespace internal {
class PipelineCall;

// One method of a service as the pipeline serves it: what has gRPC hand over the next call.
class Registration {
 public:
  virtual ~Registration() = default;
  virtual const grpc::Service* service() const = 0;
  virtual void RequestCall(RpcQueue& queue) = 0;
};
}  // namespace internal

// One method, with what is measured of it.
class Method {
 public:
  std::string_view name() const { return name_; }
  // nullptr: it stands for those that this server has not.
  const google::protobuf::MethodDescriptor* descriptor() const { return descriptor_; }

 private:
  friend class Pipeline;
  friend class internal::PipelineCall;
  static constexpr size_t kCodes = 17;

  std::string name_;
  const google::protobuf::MethodDescriptor* descriptor_ = nullptr;
  MethodOptions options_;
  prometheus::Counter* started_ = nullptr;
  std::array<prometheus::Counter*, kCodes> handled_{};
  prometheus::Histogram* seconds_ = nullptr;
  MethodLatency* latency_ = nullptr;  // nullptr: how long it takes says nothing of load
  uint32_t successes_ = 0;            // for sampling the access log
  uint32_t exhausted_ = 0;            // the same
};

class Pipeline {
 public:
  Pipeline(const PipelineOptions& options, EventLoop& loop, CallerDirectory& callers,
           Metrics& metrics, RandomSource& random);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // `name` is "package.Service/Method", `service` what gRPC generates for its asynchronous server;
  // aborts if this program has no such method.
  template <typename Service, typename Request, typename Response>
  void Serve(std::string_view name, Service* service,
             Task<Status> (Service::*handler)(Call&, const Request&, Response&),
             MethodOptions options = {});

  // Where a server hands over what no service of it has.
  grpc::AsyncGenericService& unknown_methods() { return unknown_methods_; }

  // Begins to take calls of a server that has started and has these services and unknown_methods();
  // the queue is on the pipeline's loop. What others would serve stays closed.
  void Open(RpcQueue& queue, const std::vector<grpc::Service*>& services);
  // After grpc::Server::Shutdown: returns when gRPC has let go of every call.
  void Close();

  // From now on calls are refused with DRAINING, but for methods that are served to the end. Waits
  // until the handlers of the others have ended and their answers have gone out, or for `deadline`;
  // then for those served to the end, of which what comes now is left without an answer, for a
  // moment: the server is to close its connections (UNAVAILABLE), by which clients know at once to
  // go elsewhere. What is left then is answered with UNAVAILABLE OUTCOME_UNKNOWN. Returns how many
  // handlers are still at work: if any are, their objects must stay.
  size_t Drain(Duration deadline);

  uint32_t in_flight() const { return in_flight_.load(); }
  uint32_t message_bytes_max() const { return options_.message_bytes_max; }

 private:
  friend class internal::PipelineCall;
  enum class Refusal : uint8_t {
    kDraining,
    kUnauthenticated,
    kNotAllowed,
    kDeadline,
    kClassLimit,
    kServerLimit,
    kUnknownMethod,
    kMalformed,
    kTooLarge,
    kQuota,
    kOverloaded
  };
  static constexpr size_t kRefusals = 11;

  enum class Stage : uint8_t { kServing, kDraining, kClosing };
  // Of calls that were let in.
  struct UnderWay {
    uint32_t handlers = 0;
    uint32_t answers = 0;  // that gRPC has not sent yet
    bool none() const { return handlers == 0 && answers == 0; }
  };

  // The reference lasts.
  Method& AddMethod(std::string_view name, MethodOptions options);
  void Measure(Method& method, const MetricLabels& labels);

  // True: a place in flight is taken, and the call may go to its turn. False: it has been answered.
  bool Admit(internal::PipelineCall& call, size_t request_bytes);
  // Answers the call and counts it.
  void Refuse(internal::PipelineCall& call, Refusal refusal, const Status& status);
  void CountRefusal(const internal::PipelineCall& call, Refusal refusal);
  Status Authenticate(internal::PipelineCall& call, std::string_view authorization);
  Status MayCall(const internal::PipelineCall& call) const;
  Status TakePlace(const internal::PipelineCall& call, Refusal& refusal);
  // The answers of what is refused further on.
  static Status MalformedRequest(const Method& method);
  Status Overloaded(WorkClass work) const;
  void ChargeItems(const internal::PipelineCall& call, const google::protobuf::Message& request);
  // How long what is handed over now may have waited for the loop.
  Duration WaitedFor(SteadyTime now) const;
  void SampleLatency(const internal::PipelineCall& call);
  // A call that is answered while it waits for its turn.
  void LeaveLine(internal::PipelineCall& call);
  std::optional<Duration> TakeFromQuota(const internal::PipelineCall& call);
  void LeavePlace(const internal::PipelineCall& call);
  UnderWay& UnderWayOf(const internal::PipelineCall& call);
  void Advance(Stage to);
  // Until `condition` holds on the loop, or `end` has passed.
  void AwaitOnLoop(const std::function<bool()>& condition, SteadyTime end);
  void Watch(internal::PipelineCall& call);
  void Unwatch(internal::PipelineCall& call);
  // Answers calls in flight; their handlers go on.
  void Sweep(const std::function<bool(const internal::PipelineCall&)>& is_late,
             const Status& status);
  Task<void> RunSweeper();
  void ShowAdmission();
  uint64_t NextRandom();

  const PipelineOptions options_;
  EventLoop& loop_;
  CallerDirectory& callers_;
  Metrics& metrics_;
  std::deque<Method> methods_;
  std::vector<std::unique_ptr<internal::Registration>> registrations_;
  grpc::AsyncGenericService unknown_methods_;
  Method unknown_method_;

  uint64_t random_seed_ = 0;
  uint64_t random_counter_ = 0;

  std::atomic<uint32_t> in_flight_{0};
  std::array<std::atomic<uint32_t>, kCallerClassCount> class_in_flight_{};
  std::array<prometheus::Gauge*, kCallerClassCount> class_gauges_{};
  // By reason and the caller's class, the last for who is not known.
  std::array<std::array<prometheus::Counter*, kCallerClassCount + 1>, kRefusals> refused_{};
  prometheus::Gauge* limit_gauge_ = nullptr;
  std::array<prometheus::Gauge*, kWorkClassCount> places_gauges_{};
  std::array<prometheus::Gauge*, kWorkClassCount> waiting_gauges_{};

  std::atomic<uint32_t> with_grpc_{0};  // calls of which gRPC still has something to say

  // The loop's thread only.
  Stage stage_ = Stage::kServing;
  std::array<UnderWay, 2> under_way_;  // [1]: of methods that are served to the end
  Admission admission_;
  Quotas quotas_;
  RpcQueue* queue_ = nullptr;
  internal::PipelineCall* watched_ = nullptr;  // a doubly linked list through the calls
  Task<void> sweeper_;
};

}  // namespace epigrid

#include "common/rpc/pipeline_call.h"
