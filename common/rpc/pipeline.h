// Pipeline: what every unary gRPC method of this project goes through, between gRPC and its
// handler.
//
//   class CodeApi final : public v1::HealthCodeService::CallbackService {
//    public:
//     explicit CodeApi(Pipeline& pipeline)
//         : pipeline_(pipeline), get_code_(pipeline.AddMethod("epigrid.health_code.v1.HealthCodeService/GetCode")) {}
//     grpc::ServerUnaryReactor* GetCode(grpc::CallbackServerContext* context, const v1::GetCodeRequest* request,
//                                       v1::GetCodeResponse* response) override {
//       return pipeline_.Serve(context, request, response, get_code_, this, &CodeApi::DoGetCode);
//     }
//    private:
//     Task<Status> DoGetCode(Call& call, const v1::GetCodeRequest& request, v1::GetCodeResponse& response);
//     Pipeline& pipeline_;
//     Method& get_code_;
//   };
//
// In this order: request id and trace; caller (authorization: Bearer, or the client's certificate);
// allowed method; deadline; draining and limits in flight; the handler; error mapping
// (status_details.h); metrics and access log.
//
// Refusals, each with a RetryInfo where trying again helps:
//   UNAVAILABLE        DRAINING                 the server is going away
//   UNAUTHENTICATED    TOKEN_MISSING, AUTHORIZATION_MALFORMED, TOKEN_UNKNOWN, CERTIFICATE_UNKNOWN
//   PERMISSION_DENIED  METHOD_NOT_ALLOWED       metadata "method", "caller"
//   DEADLINE_EXCEEDED  DEADLINE_EXCEEDED        it had passed on arrival, or passed while the handler worked
//   RESOURCE_EXHAUSTED CLASS_LIMIT, SERVER_LIMIT
//   CANCELLED          CANCELLED                the client went away (nobody reads it but the metrics)
//
// The handler is a member function that is a coroutine: its object must outlive the pipeline's
// drain, and a lambda, whose captures would die under it, does not fit. Its request and response
// belong to the call, not to gRPC, so a client that goes away is let go at once while the handler
// works on.
//
// Life cycle: made before the server; AddMethod before the server starts; Drain, then
// grpc::Server::Shutdown, then the destructor. Threads: Serve and Drain may be called from any;
// handlers begin on a gRPC thread and go on wherever what they await resumes them.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/base/ids.h"
#include "common/base/task.h"
#include "common/metrics/metrics.h"
#include "common/rpc/call.h"
#include "common/rpc/callers.h"

namespace grpc {
class CallbackServerContext;
}

namespace epigrid {

struct PipelineOptions {
  Duration default_deadline = std::chrono::seconds(5);  // of a call whose client sets none
  Duration deadline_max = std::chrono::seconds(60);     // a later one is brought down to this
  // Calls in flight, over all classes. Operators are exempt: they must get in when all else is
  // full.
  uint32_t in_flight_max = 4096;
  // Calls in flight by class, in the order of CallerClass.
  std::array<uint32_t, kCallerClassCount> class_in_flight_max = {4096, 1024, 128, 64};
  Duration retry_after = std::chrono::milliseconds(200);  // what a refused caller is told to wait
  uint32_t access_log_one_in = 1000;  // successes logged at info; 0: none. All are at debug.
  bool mtls = false;                  // whether clients may be known by their certificates
};

struct MethodOptions {
  Duration default_deadline{0};  // 0: the pipeline's
  Duration deadline_max{0};
};

namespace internal {
class PipelineCall;

// What the client said of itself; views into gRPC's metadata.
struct CallHeaders {
  std::string_view authorization;
  std::string_view request_id;
  std::string_view traceparent;
};
}  // namespace internal

// One method, with what is measured of it.
class Method {
 public:
  std::string_view name() const { return name_; }

 private:
  friend class Pipeline;
  friend class internal::PipelineCall;
  static constexpr size_t kCodes = 17;

  std::string name_;
  MethodOptions options_;
  prometheus::Counter* started_ = nullptr;
  std::array<prometheus::Counter*, kCodes> handled_{};
  prometheus::Histogram* seconds_ = nullptr;
  std::atomic<uint32_t> successes_{0};  // for sampling the access log
};

class Pipeline {
 public:
  Pipeline(const PipelineOptions& options, CallerDirectory& callers, Metrics& metrics,
           RandomSource& random);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // `name` is "package.Service/Method"; aborts if this program has no such method. The reference
  // lasts.
  Method& AddMethod(std::string_view name, MethodOptions options = {});

  template <typename Service, typename Request, typename Response>
  grpc::ServerUnaryReactor* Serve(grpc::CallbackServerContext* context, const Request* request,
                                  Response* response, Method& method, Service* service,
                                  Task<Status> (Service::*handler)(Call&, const Request&,
                                                                   Response&));

  // From now on calls are refused with DRAINING. Waits until all handlers have ended, or for
  // `deadline`; then answers what is left with DRAINING. Returns how many handlers are still at
  // work: if any are, their objects must stay.
  size_t Drain(Duration deadline);

  uint32_t in_flight() const { return in_flight_.load(); }

 private:
  friend class internal::PipelineCall;
  enum class Refusal : uint8_t {
    kDraining,
    kUnauthenticated,
    kNotAllowed,
    kDeadline,
    kClassLimit,
    kServerLimit
  };
  static constexpr size_t kRefusals = 6;

  static internal::CallHeaders ReadHeaders(const grpc::CallbackServerContext& context);

  // True: the handler may begin, and a place in flight is taken. False: the call has been answered.
  bool Admit(internal::PipelineCall& call);
  Status Authenticate(internal::PipelineCall& call, std::string_view authorization);
  Status TakePlace(const internal::PipelineCall& call, Refusal& refusal);
  void LeavePlace(const internal::PipelineCall& call);
  void Watch(internal::PipelineCall& call);
  void Unwatch(internal::PipelineCall& call);
  // Answers calls in flight; their handlers go on.
  void Sweep(const std::function<bool(const internal::PipelineCall&)>& is_late,
             const Status& status);
  void RunSweeper();
  uint64_t NextRandom();

  const PipelineOptions options_;
  CallerDirectory& callers_;
  Metrics& metrics_;
  std::deque<Method> methods_;

  uint64_t random_seed_ = 0;
  std::atomic<uint64_t> random_counter_{0};

  std::atomic<bool> draining_{false};
  std::atomic<uint32_t> in_flight_{0};
  std::array<std::atomic<uint32_t>, kCallerClassCount> class_in_flight_{};
  std::array<prometheus::Gauge*, kCallerClassCount> class_gauges_{};
  std::array<prometheus::Counter*, kRefusals> refused_{};

  std::mutex mutex_;  // for what follows
  std::condition_variable stopped_;
  internal::PipelineCall* watched_ = nullptr;  // a doubly linked list through the calls
  bool stopping_ = false;
  std::thread sweeper_;
};

}  // namespace epigrid

#include "common/rpc/pipeline_call.h"
