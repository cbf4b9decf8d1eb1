#include "common/rpc/pipeline.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <strings.h>
#include <xxhash.h>

#include <algorithm>
#include <thread>

#include "common/rpc/status_details.h"

namespace epigrid {
namespace {

constexpr Duration kSweepEvery = Admission::kTickEvery;
constexpr auto kDrainPollEvery = std::chrono::milliseconds(5);
// How long what is served to the end may take at the end, and the answers that a drain gives.
constexpr Duration kLastAnswers = std::chrono::milliseconds(500);
// Calls of a method that gRPC can hand over before we ask for more.
constexpr int kRequestedPerMethod = 16;
constexpr std::string_view kBearer = "Bearer ";

// The name of the scheme is read in any case (RFC 9110, section 11.1).
bool IsBearer(std::string_view authorization) {
  return authorization.size() >= kBearer.size() &&
         strncasecmp(authorization.data(), kBearer.data(), kBearer.size()) == 0;
}

std::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

MetricLabels MethodLabels(std::string_view name) {
  const size_t slash = name.find('/');
  return {{"grpc_type", "unary"},
          {"grpc_service", std::string(name.substr(0, slash))},
          {"grpc_method", std::string(name.substr(slash + 1))}};
}

// The values of grpc_code that public dashboards know: "OK", "InvalidArgument", "Canceled".
std::string DashboardCode(Code code) {
  if (code == Code::kOk) return "OK";
  std::string result;
  bool upper = true;
  for (char c : CodeName(code)) {
    if (c == '_') {
      upper = true;
    } else {
      result += upper ? c : static_cast<char>(c - 'A' + 'a');
      upper = false;
    }
  }
  return code == Code::kCancelled ? "Canceled" : result;
}

}  // namespace

Pipeline::Pipeline(const PipelineOptions& options, EventLoop& loop, CallerDirectory& callers,
                   Metrics& metrics, RandomSource& random)
    : options_(options),
      loop_(loop),
      callers_(callers),
      metrics_(metrics),
      admission_(options.in_flight_max, [this] { loop_.Post([this] { admission_.Turn(); }); }) {
  random.Fill(reinterpret_cast<uint8_t*>(&random_seed_), sizeof(random_seed_));
  for (size_t i = 0; i < kCallerClassCount; ++i) {
    class_gauges_[i] =
        &metrics.Gauge("epigrid_rpc_in_flight_calls", "Calls whose handlers are at work",
                       {{"class", std::string(CallerClassName(static_cast<CallerClass>(i)))}});
  }
  constexpr std::array<const char*, kRefusals> kReasons = {
      "DRAINING",          "UNAUTHENTICATED", "METHOD_NOT_ALLOWED", "DEADLINE_EXCEEDED",
      "CLASS_LIMIT",       "SERVER_LIMIT",    "METHOD_UNKNOWN",     "REQUEST_MALFORMED",
      "REQUEST_TOO_LARGE", "QUOTA_EXCEEDED",  "OVERLOADED"};
  for (size_t i = 0; i < kRefusals; ++i) {
    for (size_t k = 0; k <= kCallerClassCount; ++k) {
      const std::string_view caller_class =
          k < kCallerClassCount ? CallerClassName(static_cast<CallerClass>(k)) : "unknown";
      refused_[i][k] =
          &metrics.Counter("epigrid_rpc_refused_total", "Calls refused before their handler",
                           {{"reason", kReasons[i]}, {"class", std::string(caller_class)}});
    }
  }
  limit_gauge_ = &metrics.Gauge("epigrid_rpc_limit_calls",
                                "Calls in flight up to which interactive work is begun");
  for (size_t i = 0; i < kWorkClassCount; ++i) {
    const MetricLabels labels{{"work", std::string(WorkClassName(static_cast<WorkClass>(i)))}};
    places_gauges_[i] = &metrics.Gauge(
        "epigrid_rpc_places_calls", "Calls begun whose work is not done, by class of work", labels);
    waiting_gauges_[i] =
        &metrics.Gauge("epigrid_rpc_waiting_calls", "Calls that wait for their turn", labels);
  }
  // Under one name, whatever they are called: clients choose those.
  unknown_method_.name_ = "unknown";
  Measure(unknown_method_,
          {{"grpc_type", "unary"}, {"grpc_service", "unknown"}, {"grpc_method", "unknown"}});
  loop_.RunOnLoop([this] {
    sweeper_ = RunSweeper();
    sweeper_.Start();
  });
}

Pipeline::~Pipeline() {
  loop_.RunOnLoop([this] { sweeper_ = {}; });
  EPIGRID_CHECK(in_flight_.load() == 0, "a pipeline is destroyed after its handlers have ended");
}

Method& Pipeline::AddMethod(std::string_view name, MethodOptions options) {
  std::string full_name(name);
  std::ranges::replace(full_name, '/', '.');
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(full_name);
  EPIGRID_CHECK(name.find('/') != std::string_view::npos && descriptor != nullptr,
                "no such method: " + std::string(name));
  Method& method = methods_.emplace_back();
  method.name_ = name;
  method.descriptor_ = descriptor;
  method.options_ = options;
  if (options.default_deadline == Duration(0))
    method.options_.default_deadline = options_.default_deadline;
  if (options.deadline_max == Duration(0)) method.options_.deadline_max = options_.deadline_max;
  Measure(method, MethodLabels(name));
  // Operators' methods wait on purpose, and batches take as long as they are large.
  if (!options.operators_only && options.work != WorkClass::kBulk) {
    method.latency_ = &admission_.limit().AddMethod();
  }
  return method;
}

void Pipeline::Measure(Method& method, const MetricLabels& labels) {
  method.started_ =
      &metrics_.Counter("grpc_server_started_total", "Calls started on the server", labels);
  method.seconds_ = &metrics_.Histogram("grpc_server_handling_seconds",
                                        "Time from a call's arrival to its answer",
                                        kLatencyBucketsSeconds, labels);
  for (size_t code = 0; code < Method::kCodes; ++code) {
    MetricLabels with_code = labels;
    with_code["grpc_code"] = DashboardCode(static_cast<Code>(code));
    method.handled_[code] =
        &metrics_.Counter("grpc_server_handled_total", "Calls answered by the server", with_code);
  }
}

uint64_t Pipeline::NextRandom() {
  const uint64_t counter = random_counter_++;
  return XXH3_64bits_withSeed(&counter, sizeof(counter), random_seed_);
}

Status Pipeline::Authenticate(internal::PipelineCall& call, std::string_view authorization) {
  call.callers_ = callers_.Get();
  const Callers& callers = *call.callers_;
  if (callers.anonymous() != nullptr) {
    call.caller_ = callers.anonymous();
    return OkStatus();
  }
  if (call.authorization_repeated_) {
    return {Code::kUnauthenticated, "AUTHORIZATION_REPEATED",
            "the metadata \"authorization\" stands there more than once; send it once"};
  }
  if (!authorization.empty()) {
    if (!IsBearer(authorization)) {
      return {Code::kUnauthenticated, "AUTHORIZATION_MALFORMED",
              "send the metadata \"authorization: Bearer <token>\""};
    }
    call.caller_ = callers.FindByToken(authorization.substr(kBearer.size()));
    if (call.caller_ != nullptr) return OkStatus();
    return {Code::kUnauthenticated, "TOKEN_UNKNOWN", "no caller has this token; ask the operator"};
  }
  if (!options_.mtls) {
    return {Code::kUnauthenticated, "TOKEN_MISSING",
            "send the metadata \"authorization: Bearer <token>\""};
  }
  const std::shared_ptr<const grpc::AuthContext> peer = call.context().auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) {
    return {Code::kUnauthenticated, "TOKEN_MISSING",
            "send the metadata \"authorization: Bearer <token>\", or a client certificate"};
  }
  for (const grpc::string_ref& name : peer->GetPeerIdentity()) {
    call.caller_ = callers.FindByMtlsName(View(name));
    if (call.caller_ != nullptr) return OkStatus();
  }
  return {Code::kUnauthenticated, "CERTIFICATE_UNKNOWN",
          "no caller has a name of this certificate; ask the operator"};
}

void Pipeline::Refuse(internal::PipelineCall& call, Refusal refusal, const Status& status) {
  CountRefusal(call, refusal);
  call.Answer(status);
}

void Pipeline::CountRefusal(const internal::PipelineCall& call, Refusal refusal) {
  const size_t caller_class =
      call.caller_ == nullptr ? kCallerClassCount : static_cast<size_t>(call.caller_->caller_class);
  refused_[static_cast<size_t>(refusal)][caller_class]->Increment();
}

Status Pipeline::MalformedRequest(const Method& method) {
  return InvalidArgument("REQUEST_MALFORMED",
                         fmt::format("the bytes are no {}; make the client from this server's "
                                     "protos, and put nothing but UTF-8 into texts",
                                     method.descriptor()->input_type()->full_name()));
}

Status Pipeline::Overloaded(WorkClass work) const {
  return WithRetryAfter(
      ResourceExhausted("OVERLOADED",
                        fmt::format("the server has more {} work than it can do beside what comes "
                                    "first; nothing was done: call again later",
                                    WorkClassName(work))),
      options_.retry_after);
}

Status Pipeline::MayCall(const internal::PipelineCall& call) const {
  const auto refusal = [&](const char* reason, std::string message) {
    return Status(Code::kPermissionDenied, reason, std::move(message))
        .With("method", std::string(call.method()))
        .With("caller", call.caller_->name);
  };
  if (!call.caller_->MayCall(call.method())) {
    return refusal("METHOD_NOT_ALLOWED",
                   fmt::format("the caller {} may not call {}; ask the operator",
                               call.caller_->name, call.method()));
  }
  if (call.method_.options_.operators_only &&
      call.caller_->caller_class != CallerClass::kOperator) {
    return refusal(
        "OPERATORS_ONLY",
        fmt::format("{} is for callers of class OPERATOR, and {} is of class {}", call.method(),
                    call.caller_->name, CallerClassName(call.caller_->caller_class)));
  }
  return OkStatus();
}

bool Pipeline::Admit(internal::PipelineCall& call, size_t request_bytes) {
  call.method_.started_->Increment();
  const auto refuse = [&](Refusal refusal, const Status& status) {
    Refuse(call, refusal, status);
    return false;
  };
  const std::string_view authorization = std::exchange(call.authorization_, {});

  const MethodOptions& method = call.method_.options_;
  Duration given = method.default_deadline;
  const auto client_deadline = call.context().deadline();
  if (client_deadline != std::chrono::system_clock::time_point::max()) {
    given =
        std::chrono::duration_cast<Duration>(client_deadline - std::chrono::system_clock::now());
  }
  call.deadline_ = call.started_ + std::min(given, method.deadline_max);

  if (Status status = Authenticate(call, authorization); !status.ok())
    return refuse(Refusal::kUnauthenticated, status);
  call.work_ = WorkClassOf(method.work, call.caller_->caller_class);
  if (Status status = MayCall(call); !status.ok()) return refuse(Refusal::kNotAllowed, status);
  if (request_bytes > options_.message_bytes_max) {
    return refuse(
        Refusal::kTooLarge,
        InvalidArgument("REQUEST_TOO_LARGE",
                        fmt::format("the request is longer than {} bytes; send it in parts",
                                    options_.message_bytes_max)));
  }
  if (given <= Duration(0)) {
    return refuse(
        Refusal::kDeadline,
        DeadlineExceeded("DEADLINE_EXCEEDED", "the deadline had passed when the call came"));
  }
  // Without an answer: Drain says why.
  if (stage_ == Stage::kClosing && method.served_to_the_end) return false;
  Refusal refusal{};
  if (Status status = TakePlace(call, refusal); !status.ok()) return refuse(refusal, status);
  Watch(call);
  return true;
}

void Pipeline::ChargeItems(const internal::PipelineCall& call,
                           const google::protobuf::Message& request) {
  if (call.caller_->items.per_second == 0) return;
  const google::protobuf::Descriptor& type = *request.GetDescriptor();
  size_t items = 0;
  for (int i = 0; i < type.field_count(); ++i) {
    if (!type.field(i)->is_repeated()) continue;
    items += static_cast<size_t>(request.GetReflection()->FieldSize(request, type.field(i)));
  }
  quotas_.ChargeItems(*call.caller_, std::max<size_t>(items, 1), std::chrono::steady_clock::now());
}

Duration Pipeline::WaitedFor(SteadyTime now) const {
  if (queue_->last_empty() == SteadyTime()) return Duration(0);
  return std::chrono::duration_cast<Duration>(now - queue_->last_empty());
}

void Pipeline::SampleLatency(const internal::PipelineCall& call) {
  if (call.method_.latency_ == nullptr || call.handed_over_ || call.work_ == WorkClass::kBulk) {
    return;
  }
  const auto took = std::chrono::steady_clock::now() - call.began_;
  admission_.limit().Sample(*call.method_.latency_,
                            std::chrono::duration_cast<Duration>(took) + call.waited_before_);
}

void Pipeline::LeaveLine(internal::PipelineCall& call) {
  admission_.Withdraw(call);
  LeavePlace(call);
  call.Release();  // gRPC, which has to say that the answer is sent, still owns it
}

void Pipeline::ShowAdmission() {
  limit_gauge_->Set(admission_.limit().value());
  for (size_t i = 0; i < kWorkClassCount; ++i) {
    places_gauges_[i]->Set(admission_.in_flight(static_cast<WorkClass>(i)));
    waiting_gauges_[i]->Set(admission_.waiting(static_cast<WorkClass>(i)));
  }
}

Status Pipeline::TakePlace(const internal::PipelineCall& call, Refusal& refusal) {
  const CallerClass caller_class = call.caller().caller_class;
  const auto index = static_cast<size_t>(caller_class);
  const uint32_t in_class = class_in_flight_[index].fetch_add(1);
  const uint32_t in_all = in_flight_.fetch_add(1);
  class_gauges_[index]->Increment();
  ++UnderWayOf(call).handlers;
  Status status;
  if (stage_ != Stage::kServing && !call.method_.options_.served_to_the_end) {
    refusal = Refusal::kDraining;
    status = Unavailable("DRAINING", "this server is going away; call again, another will answer");
  } else if (in_class >= options_.class_in_flight_max[index]) {
    refusal = Refusal::kClassLimit;
    status = ResourceExhausted("CLASS_LIMIT",
                               fmt::format("{} calls of class {} are in flight; send fewer at once",
                                           in_class, CallerClassName(caller_class)));
  } else if (in_all >= options_.in_flight_max && caller_class != CallerClass::kOperator) {
    refusal = Refusal::kServerLimit;
    status = ResourceExhausted("SERVER_LIMIT",
                               fmt::format("{} calls are in flight; send fewer at once", in_all));
  } else if (const std::optional<Duration> wait = TakeFromQuota(call)) {
    refusal = Refusal::kQuota;
    LeavePlace(call);
    return WithRetryAfter(
        ResourceExhausted(
            "QUOTA_EXCEEDED",
            fmt::format("the caller {} has used its quota up; it is filled again in {} "
                        "ms, and its size is the operator's to say",
                        call.caller().name, wait->count() / 1000)),
        *wait);
  } else {
    return OkStatus();
  }
  LeavePlace(call);
  return WithRetryAfter(std::move(status), options_.retry_after);
}

std::optional<Duration> Pipeline::TakeFromQuota(const internal::PipelineCall& call) {
  if (call.caller().caller_class == CallerClass::kOperator) return std::nullopt;
  return quotas_.Take(call.caller(), call.started_);
}

void Pipeline::LeavePlace(const internal::PipelineCall& call) {
  const auto index = static_cast<size_t>(call.caller().caller_class);
  class_gauges_[index]->Decrement();
  class_in_flight_[index].fetch_sub(1);
  --UnderWayOf(call).handlers;
  // The last touch of this object: with no place taken, Drain returns and the pipeline may go.
  in_flight_.fetch_sub(1);
}

Pipeline::UnderWay& Pipeline::UnderWayOf(const internal::PipelineCall& call) {
  return under_way_[call.method_.options_.served_to_the_end ? 1 : 0];
}

void Pipeline::Watch(internal::PipelineCall& call) {
  call.watched_ = true;
  call.previous_ = nullptr;
  call.next_ = watched_;
  if (watched_ != nullptr) watched_->previous_ = &call;
  watched_ = &call;
}

void Pipeline::Unwatch(internal::PipelineCall& call) {
  if (!call.watched_) return;
  call.watched_ = false;
  (call.previous_ != nullptr ? call.previous_->next_ : watched_) = call.next_;
  if (call.next_ != nullptr) call.next_->previous_ = call.previous_;
}

void Pipeline::Sweep(const std::function<bool(const internal::PipelineCall&)>& is_late,
                     const Status& status) {
  for (internal::PipelineCall* call = watched_; call != nullptr;) {
    // An answer takes the call out of the list, and frees nothing: gRPC has to say that it is sent.
    internal::PipelineCall* const next = call->next_;
    if (is_late(*call)) call->Answer(status);
    call = next;
  }
}

Task<void> Pipeline::RunSweeper() {
  const Status status =
      DeadlineExceeded("DEADLINE_EXCEEDED", "the server's deadline for this call has passed");
  for (;;) {
    co_await loop_.Sleep(kSweepEvery);
    const SteadyTime now = std::chrono::steady_clock::now();
    Sweep([now](const internal::PipelineCall& call) { return call.deadline() <= now; }, status);
    admission_.Tick(now);
    ShowAdmission();
  }
}

void Pipeline::Open(RpcQueue& queue, const std::vector<grpc::Service*>& services) {
  EPIGRID_CHECK(&queue.loop() == &loop_, "calls are served on the pipeline's loop");
  loop_.RunOnLoop([&] {
    queue_ = &queue;
    for (const auto& registration : registrations_) {
      if (std::ranges::find(services, registration->service()) == services.end()) continue;
      for (int i = 0; i < kRequestedPerMethod; ++i) registration->RequestCall(queue);
    }
    for (int i = 0; i < kRequestedPerMethod; ++i) {
      internal::RequestUnknownMethod(*this, unknown_method_, unknown_methods_, queue);
    }
  });
}

void Pipeline::Close() {
  while (with_grpc_.load() > 0) std::this_thread::sleep_for(kDrainPollEvery);
}

void Pipeline::Advance(Stage to) {
  loop_.RunOnLoop([&] { stage_ = std::max(stage_, to); });
}

// Looks again and again instead of being told, so that a handler's last act is to leave its place.
void Pipeline::AwaitOnLoop(const std::function<bool()>& condition, SteadyTime end) {
  for (;;) {
    bool holds = false;
    loop_.RunOnLoop([&] { holds = condition(); });
    if (holds || std::chrono::steady_clock::now() >= end) return;
    std::this_thread::sleep_for(kDrainPollEvery);
  }
}

size_t Pipeline::Drain(Duration deadline) {
  Advance(Stage::kDraining);
  AwaitOnLoop([this] { return under_way_[0].none(); }, std::chrono::steady_clock::now() + deadline);
  Advance(Stage::kClosing);
  AwaitOnLoop([this] { return under_way_[1].none(); },
              std::chrono::steady_clock::now() + std::min(deadline, kLastAnswers));
  const uint32_t left = in_flight_.load();
  if (left > 0) {
    EPIGRID_LOG_WARN("rpc.drain_incomplete", {"handlers", left});
    const Status status = WithRetryAfter(
        Unavailable("OUTCOME_UNKNOWN",
                    "this server went away before the call was done, which may have taken effect: "
                    "send the same again, with the same request_id"),
        options_.retry_after);
    loop_.RunOnLoop([&] { Sweep([](const internal::PipelineCall&) { return true; }, status); });
    AwaitOnLoop([this] { return under_way_[0].answers + under_way_[1].answers == 0; },
                std::chrono::steady_clock::now() + kLastAnswers);
  }
  return left;
}

}  // namespace epigrid
