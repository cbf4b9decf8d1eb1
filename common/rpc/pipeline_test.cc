// The pipeline behind a real gRPC server, called by real clients.
#include "common/rpc/pipeline.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>

#include "common/log/log.h"
#include "common/rpc/status_details.h"
#include "epigrid/echo/v1/echo.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace epigrid {
namespace {

using echo::v1::EchoRequest;
using echo::v1::EchoResponse;
using echo::v1::EchoService;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kEcho[] = "epigrid.echo.v1.EchoService/Echo";
// How long a test waits for what must happen before it fails.
constexpr auto kPatience = seconds(30);

// The hash is that of "gate-token", "bulk-token", "lost-token" and "operator-token".
constexpr char kCallers[] = R"(
version: 1
callers:
  - {name: gate, agency: metro, class: GATE, methods: [epigrid.echo.*], credentials: [{token_sha256: GATE}]}
  - {name: bulk, agency: metro, class: BULK, methods: [epigrid.echo.v1.EchoService/Echo],
     credentials: [{token_sha256: BULK}]}
  - {name: lost, agency: metro, class: AGENCY, methods: [epigrid.identity.*], credentials: [{token_sha256: LOST}]}
  - {name: operator, agency: city, class: OPERATOR, methods: ['*'], credentials: [{token_sha256: OPERATOR}]}
)";

class SeededRandom final : public RandomSource {
 public:
  void Fill(uint8_t* bytes, size_t size) override {
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i + 1);
  }
};

// Echoes at once, or waits until the test lets it go on.
class EchoApi final : public EchoService::AsyncService {
 public:
  explicit EchoApi(Pipeline& pipeline, MethodOptions options = {}) {
    pipeline.Serve(kEcho, this, &EchoApi::DoEcho, options);
  }

  // Lets all that wait go on; waits until `count` do.
  void Release(size_t count) {
    WaitFor(count);
    std::vector<Promise<Done>> waiting;
    {
      std::lock_guard lock(mutex_);
      waiting.swap(waiting_);
    }
    for (auto& promise : waiting) promise.Set(Done{});
  }
  void WaitFor(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return waiting_.size() >= count; }));
  }
  // Of handlers that went on after having waited: whether they saw their call cancelled, and the
  // text they then read.
  std::vector<std::pair<bool, std::string>> ended() {
    std::lock_guard lock(mutex_);
    return ended_;
  }
  Task<Status> DoEcho(Call& call, const EchoRequest& request, EchoResponse& response) {
    if (request.wait()) {
      Promise<Done> promise;
      auto future = promise.future();
      {
        std::lock_guard lock(mutex_);
        waiting_.push_back(promise);
        changed_.notify_all();
      }
      co_await future;
      std::lock_guard lock(mutex_);
      ended_.emplace_back(call.cancelled(), request.text());
      changed_.notify_all();
    }
    if (!request.fail_with_reason().empty()) {
      co_return InvalidArgument(request.fail_with_reason(), "text is wrong; write another")
          .With("field", "text");
    }
    response.set_text(request.text());
    response.set_caller(call.caller().name);
    co_return OkStatus();
  }

  void WaitForEnded(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return ended_.size() >= count; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Promise<Done>> waiting_;
  std::vector<std::pair<bool, std::string>> ended_;
};

std::string WithHashes(std::string text) {
  // printf %s gate-token | sha256sum, and so on.
  const std::pair<const char*, const char*> hashes[] = {
      {"GATE}", "5b0aad348a4c3afe11a6926a265cdc32a801c5c709bbd483ff1ce78d64e009ca}"},
      {"BULK}", "6025b78a3a840f9d27372765a90f3ac7fad77717d10e51efbba5b2cb837cf7bd}"},
      {"LOST}", "76a345a783c39b9a1d0343ab6d2fa54baab38c47dcdcda2176b260c3b635dfbe}"},
      {"OPERATOR}", "0850123315d21ab90f4f7236408a52ef6dbd6a02a6550e5c10dc73f4d993680e}"}};
  for (const auto& [mark, hash] : hashes) {
    const size_t at = text.find(std::string("token_sha256: ") + mark);
    text.replace(at + 14, std::string(mark).size(), hash);
  }
  return text;
}

class PipelineTest : public testing::Test {
 protected:
  ~PipelineTest() override {
    if (server_ != nullptr) Stop();
  }

  void Start(PipelineOptions options = {}, MethodOptions method = {}, bool with_callers = true) {
    if (with_callers) {
      Callers::Parsed parsed = Callers::Parse("callers.yaml", WithHashes(kCallers));
      ASSERT_THAT(parsed.errors, testing::IsEmpty());
      directory_.Replace(parsed.callers);
    }
    pipeline_ = std::make_unique<Pipeline>(options, loop_, directory_, metrics_, random_);
    api_ = std::make_unique<EchoApi>(*pipeline_, method);
    grpc::ServerBuilder builder;
    queue_ = std::make_unique<RpcQueue>(loop_, builder.AddCompletionQueue());
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(api_.get());
    builder.RegisterAsyncGenericService(&pipeline_->unknown_methods());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    pipeline_->Open(*queue_, {api_.get()});
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials());
    stub_ = EchoService::NewStub(channel_);
  }

  void Stop() {
    pipeline_->Drain(seconds(0));
    Shutdown(milliseconds(100));
  }
  void Shutdown(Duration grace) {
    server_->Shutdown(std::chrono::system_clock::now() + grace);
    server_->Wait();
    pipeline_->Close();
    server_.reset();
  }

  struct Answered {
    grpc::Status status;
    EchoResponse response;
    std::string request_id;
    Status error() const { return FromGrpcStatus(status); }
  };
  struct Options {
    std::string token = "gate-token";
    std::string fail_with_reason = {};
    bool wait = false;
    Duration deadline = kPatience;
    std::vector<std::pair<std::string, std::string>> metadata = {};
  };

  static void Prepare(const Options& options, grpc::ClientContext& context, EchoRequest& request) {
    if (!options.token.empty()) context.AddMetadata("authorization", "Bearer " + options.token);
    for (const auto& [key, value] : options.metadata) context.AddMetadata(key, value);
    if (options.deadline != Duration(0))
      context.set_deadline(std::chrono::system_clock::now() + options.deadline);
    request.set_text("hello");
    request.set_fail_with_reason(options.fail_with_reason);
    request.set_wait(options.wait);
  }

  Answered Echo(const Options& options) {
    grpc::ClientContext context;
    EchoRequest request;
    Prepare(options, context, request);
    Answered answered;
    answered.status = stub_->Echo(&context, request, &answered.response);
    answered.request_id = RequestIdIn(context);
    return answered;
  }
  static std::string RequestIdIn(const grpc::ClientContext& context) {
    const auto id = context.GetServerTrailingMetadata().find("x-request-id");
    if (id == context.GetServerTrailingMetadata().end()) return "";
    return {id->second.data(), id->second.size()};
  }
  // Any method with any bytes, as no generated client would.
  Answered CallRaw(const std::string& method, const std::string& bytes) {
    grpc::ClientContext context;
    EchoRequest unused;
    Prepare({}, context, unused);
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> answer;
    grpc::GenericStub(channel_).UnaryCall(
        &context, method, {}, &request, &response,
        [&answer](grpc::Status status) { answer.set_value(std::move(status)); });
    Answered answered{.status = answer.get_future().get()};
    answered.request_id = RequestIdIn(context);
    return answered;
  }
  std::future<Answered> EchoLater(const Options& options) {
    return std::async(std::launch::async, [this, options] { return Echo(options); });
  }
  static Options Waiting(std::string token = "gate-token") {
    Options options;
    options.token = std::move(token);
    options.wait = true;
    return options;
  }
  template <typename Condition>
  static bool Eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

  Metrics metrics_;
  SeededRandom random_;
  CallerDirectory directory_{Callers::EveryoneIsOperator()};
  EventLoop loop_{"test"};
  std::unique_ptr<RpcQueue> queue_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<EchoApi> api_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<EchoService::Stub> stub_;
};

TEST_F(PipelineTest, AKnownCallerIsServedAndMeasured) {
  Start();
  const Answered answered = Echo({});
  EXPECT_TRUE(answered.status.ok()) << answered.status.error_message();
  EXPECT_EQ(answered.response.text(), "hello");
  EXPECT_EQ(answered.response.caller(), "gate");
  Stop();
  const std::string text = metrics_.Text();
  const std::string labels =
      "grpc_method=\"Echo\",grpc_service=\"epigrid.echo.v1.EchoService\",grpc_type=\"unary\"";
  EXPECT_THAT(text, HasSubstr("grpc_server_started_total{" + labels + "} 1"));
  EXPECT_THAT(text, HasSubstr("grpc_server_handled_total{grpc_code=\"OK\"," + labels + "} 1"));
  EXPECT_THAT(text, HasSubstr("grpc_server_handling_seconds_count{" + labels + "} 1"));
}

TEST_F(PipelineTest, WithoutCallersEveryoneIsTheLocalOperator) {
  Start({}, {}, /*with_callers=*/false);
  EXPECT_EQ(Echo({.token = ""}).response.caller(), "local");
}

TEST_F(PipelineTest, TheSchemeIsReadInAnyCase) {
  Start();
  for (const char* scheme : {"Bearer", "bearer", "BEARER"}) {
    const Answered answered =
        Echo({.token = "", .metadata = {{"authorization", std::string(scheme) + " gate-token"}}});
    EXPECT_TRUE(answered.status.ok()) << scheme << ": " << answered.status.error_message();
  }
}

TEST_F(PipelineTest, WhoIsNotKnownIsRefused) {
  Start();
  EXPECT_EQ(Echo({.token = ""}).error().reason(), "TOKEN_MISSING");
  EXPECT_EQ(Echo({.token = "wrong"}).error().reason(), "TOKEN_UNKNOWN");
  EXPECT_EQ(Echo({.token = "", .metadata = {{"authorization", "Basic eDp5"}}}).error().reason(),
            "AUTHORIZATION_MALFORMED");
  EXPECT_EQ(Echo({.token = "wrong"}).status.error_code(), grpc::UNAUTHENTICATED);
  // Not whichever of them comes first, or last.
  for (const char* second : {"Bearer gate-token", "Bearer wrong"}) {
    const Answered answered = Echo({.metadata = {{"authorization", second}}});
    EXPECT_EQ(answered.status.error_code(), grpc::UNAUTHENTICATED);
    EXPECT_EQ(answered.error().reason(), "AUTHORIZATION_REPEATED");
  }
}

TEST_F(PipelineTest, AMethodThatNoServiceHasIsAnsweredAsEveryError) {
  Start();
  for (const char* method :
       {"/epigrid.echo.v1.EchoService/Ecko", "/epigrid.echo.v2.EchoService/Echo", "/Echo", "/"}) {
    const Answered answered = CallRaw(method, "hello");
    EXPECT_EQ(answered.status.error_code(), grpc::UNIMPLEMENTED);
    EXPECT_EQ(answered.error().reason(), "METHOD_UNKNOWN");
    EXPECT_EQ(answered.error().metadata().at("method"), method);
    EXPECT_FALSE(answered.request_id.empty());
  }
  EXPECT_FALSE(CallRaw("/a/b-c", "").error().metadata().contains("method"));
  // More than wait for one at once.
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(CallRaw("/a/b", "").error().reason(), "METHOD_UNKNOWN");
  }
  Stop();
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("grpc_server_handled_total{grpc_code=\"Unimplemented\",grpc_method="
                        "\"unknown\",grpc_service=\"unknown\",grpc_type=\"unary\"} 105"));
}

TEST_F(PipelineTest, ARequestThatCannotBeReadIsAnsweredAsEveryError) {
  PipelineOptions options;
  options.message_bytes_max = 1000;
  Start(options);
  const std::string method = std::string("/") + kEcho;
  // A text of five bytes, of which two came; one that is no UTF-8.
  for (const char* bytes : {"\x0a\x05he", "\x0a\x02\xff\xff"}) {
    const Answered answered = CallRaw(method, bytes);
    EXPECT_EQ(answered.status.error_code(), grpc::INVALID_ARGUMENT);
    EXPECT_EQ(answered.error().reason(), "REQUEST_MALFORMED");
    EXPECT_THAT(answered.status.error_message(), HasSubstr("epigrid.echo.v1.EchoRequest"));
    EXPECT_FALSE(answered.request_id.empty());
  }
  EchoRequest request;
  request.set_text(std::string(997, 'a'));
  ASSERT_EQ(request.ByteSizeLong(), 1000U);
  EXPECT_TRUE(CallRaw(method, request.SerializeAsString()).status.ok());
  request.set_text(std::string(998, 'a'));
  const Answered answered = CallRaw(method, request.SerializeAsString());
  EXPECT_EQ(answered.status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(answered.error().reason(), "REQUEST_TOO_LARGE");
  EXPECT_THAT(answered.status.error_message(), HasSubstr("longer than 1000 bytes"));
  EXPECT_FALSE(answered.request_id.empty());
}

TEST_F(PipelineTest, AnErrorNamesItsRequestAndAnyAnswerTheClientsName) {
  Start();
  EXPECT_EQ(Echo({.metadata = {{"x-request-id", "mine-7"}}}).request_id, "mine-7");
  EXPECT_EQ(Echo({}).request_id, "");
  const std::string first = Echo({.token = ""}).request_id;
  EXPECT_EQ(first.size(), 16U);
  EXPECT_NE(Echo({.token = ""}).request_id, first);
}

TEST_F(PipelineTest, AMethodThatIsNotAllowedIsRefused) {
  Start();
  const Status error = Echo({.token = "lost-token"}).error();
  EXPECT_EQ(error.code(), Code::kPermissionDenied);
  EXPECT_EQ(error.reason(), "METHOD_NOT_ALLOWED");
  EXPECT_EQ(error.metadata().at("method"), kEcho);
  EXPECT_EQ(error.metadata().at("caller"), "lost");
}

TEST_F(PipelineTest, AnOperatorsMethodIsForOperatorsWhateverElseACallerMayCall) {
  Start({}, {.operators_only = true});
  const Status error = Echo({}).error();
  EXPECT_EQ(error.code(), Code::kPermissionDenied);
  EXPECT_EQ(error.reason(), "OPERATORS_ONLY");
  EXPECT_EQ(error.metadata().at("caller"), "gate");
  EXPECT_TRUE(Echo({.token = "operator-token"}).status.ok());
}

TEST_F(PipelineTest, CallersAreReplacedWhileServing) {
  Start();
  EXPECT_TRUE(Echo({}).status.ok());
  directory_.Replace(Callers::Parse("callers.yaml", "version: 1\ncallers: []\n").callers);
  EXPECT_EQ(Echo({}).error().reason(), "TOKEN_UNKNOWN");
}

TEST_F(PipelineTest, AnErrorCarriesItsDetails) {
  Start();
  LogCapture log;
  const Answered answered =
      Echo({.fail_with_reason = "TEXT_WRONG", .metadata = {{"x-request-id", "mine-7"}}});
  EXPECT_EQ(answered.status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(answered.request_id, "mine-7");
  google::rpc::Status status;
  ASSERT_TRUE(status.ParseFromString(answered.status.error_details()));
  ASSERT_EQ(status.details_size(), 2);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(status.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "TEXT_WRONG");
  EXPECT_EQ(info.domain(), "epigrid");
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(status.details(1).UnpackTo(&bad_request));
  EXPECT_EQ(bad_request.field_violations(0).field(), "text");
  EXPECT_THAT(log.text(), HasSubstr("\"request_id\":\"mine-7\""));
  EXPECT_THAT(log.text(), HasSubstr("\"reason\":\"TEXT_WRONG\""));
}

TEST_F(PipelineTest, ARequestIdThatCouldBeAPersonIsReplaced) {
  Start();
  for (const char* id : {"110105194912310021", "p-11010519491231002X", "13812345678",
                         "138-1234-5678", "110105-19491231-0021", "a b", "x/y"}) {
    EXPECT_NE(Echo({.token = "", .metadata = {{"x-request-id", id}}}).request_id, id);
  }
  EXPECT_EQ(
      Echo({.token = "", .metadata = {{"x-request-id", "550e8400-e29b-41d4-a716-446655440000"}}})
          .request_id,
      "550e8400-e29b-41d4-a716-446655440000");
}

TEST_F(PipelineTest, ATraceIsTakenOn) {
  Start();
  LogCapture log;
  Echo({.metadata = {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}});
  EXPECT_TRUE(Eventually([&] {
    return log.text().find("\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"") !=
           std::string::npos;
  }));
}

TEST_F(PipelineTest, AClientsDeadlineEndsTheCallButNotTheHandler) {
  Start();
  Options options = Waiting();
  // As long as it takes on a busy machine for the call to reach its handler before it ends.
  for (options.deadline = milliseconds(50); pipeline_->in_flight() == 0; options.deadline *= 2) {
    ASSERT_LT(options.deadline, kPatience);
    EXPECT_EQ(Echo(options).status.error_code(), grpc::DEADLINE_EXCEEDED);
  }
  EXPECT_EQ(pipeline_->in_flight(), 1u);
  api_->Release(1);
  EXPECT_TRUE(Eventually([&] { return pipeline_->in_flight() == 0; }));
  ASSERT_EQ(api_->ended().size(), 1u);
  EXPECT_EQ(api_->ended()[0].second, "hello");
}

TEST_F(PipelineTest, ACallWithoutADeadlineGetsTheServers) {
  Start({}, {.default_deadline = milliseconds(30)});
  Options options = Waiting();
  options.deadline = Duration(0);
  const Status error = Echo(options).error();
  EXPECT_EQ(error.code(), Code::kDeadlineExceeded);
  EXPECT_EQ(error.reason(), "DEADLINE_EXCEEDED");
  api_->Release(1);
  EXPECT_TRUE(Eventually([&] { return pipeline_->in_flight() == 0; }));
  EXPECT_TRUE(api_->ended()[0].first);
}

TEST_F(PipelineTest, ADeadlineBeyondTheCeilingIsBroughtDown) {
  Start({}, {.deadline_max = milliseconds(30)});
  EXPECT_EQ(Echo(Waiting()).error().reason(), "DEADLINE_EXCEEDED");
  api_->Release(1);
}

TEST_F(PipelineTest, AClientThatGoesAwayIsLetGoWhileTheHandlerWorksOn) {
  Start();
  grpc::ClientContext context;
  EchoRequest request;
  Prepare(Waiting(), context, request);
  EchoResponse response;
  auto call =
      std::async(std::launch::async, [&] { return stub_->Echo(&context, request, &response); });
  api_->WaitFor(1);
  context.TryCancel();
  EXPECT_EQ(call.get().error_code(), grpc::CANCELLED);
  EXPECT_TRUE(Eventually(
      [&] { return metrics_.Text().find("grpc_code=\"Canceled\"") != std::string::npos; }));
  EXPECT_EQ(pipeline_->in_flight(), 1u);
  api_->Release(1);
  EXPECT_TRUE(Eventually([&] { return pipeline_->in_flight() == 0; }));
}

TEST_F(PipelineTest, AClassHasItsLimitAndLeavesTheOthersAlone) {
  PipelineOptions options;
  options.class_in_flight_max[static_cast<size_t>(CallerClass::kBulk)] = 2;
  Start(options);
  auto first = EchoLater(Waiting("bulk-token"));
  auto second = EchoLater(Waiting("bulk-token"));
  api_->WaitFor(2);
  const Answered third = Echo({.token = "bulk-token"});
  EXPECT_EQ(third.error().reason(), "CLASS_LIMIT");
  EXPECT_EQ(third.status.error_code(), grpc::RESOURCE_EXHAUSTED);
  google::rpc::Status status;
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(status.ParseFromString(third.status.error_details()));
  ASSERT_TRUE(status.details(status.details_size() - 1).UnpackTo(&retry));
  EXPECT_EQ(google::protobuf::util::TimeUtil::DurationToMilliseconds(retry.retry_delay()), 200);
  EXPECT_TRUE(Echo({}).status.ok());
  api_->Release(2);
  EXPECT_TRUE(first.get().status.ok());
  EXPECT_TRUE(second.get().status.ok());
  EXPECT_TRUE(Echo({.token = "bulk-token"}).status.ok());
}

TEST_F(PipelineTest, AFullServerStillLetsOperatorsIn) {
  PipelineOptions options;
  options.in_flight_max = 1;
  Start(options);
  auto first = EchoLater(Waiting());
  api_->WaitFor(1);
  EXPECT_EQ(Echo({}).error().reason(), "SERVER_LIMIT");
  EXPECT_TRUE(Echo({.token = "operator-token"}).status.ok());
  api_->Release(1);
  EXPECT_TRUE(first.get().status.ok());
}

// Sixteen gates at work, half of what is let in: bulk may have one call beside them.
class FullPipelineTest : public PipelineTest {
 protected:
  FullPipelineTest() {
    PipelineOptions options;
    options.in_flight_max = 32;
    Start(options, {.work = WorkClass::kCritical});
    for (int i = 0; i < 16; ++i) calls_.push_back(EchoLater(Waiting()));
    calls_.push_back(EchoLater(Waiting("bulk-token")));
    api_->WaitFor(17);
  }
  // Whose tests have let all go on.
  ~FullPipelineTest() override {
    for (auto& call : calls_) EXPECT_TRUE(call.get().status.ok());
  }
  bool Shows(const std::string& line) {
    return metrics_.Text().find(line + "\n") != std::string::npos;
  }

  std::vector<std::future<Answered>> calls_;
};

TEST_F(FullPipelineTest, BulkWaitsForAPlaceWhileGatesBegin) {
  auto bulk = EchoLater({.token = "bulk-token"});
  EXPECT_TRUE(Eventually([&] { return Shows("epigrid_rpc_waiting_calls{work=\"bulk\"} 1"); }));
  EXPECT_TRUE(Echo({}).status.ok());
  EXPECT_TRUE(Shows("epigrid_rpc_places_calls{work=\"bulk\"} 1"));
  api_->Release(17);
  EXPECT_TRUE(bulk.get().status.ok());
}

TEST_F(FullPipelineTest, BulkIsRefusedWhenNoPlaceComesFree) {
  const Status error = Echo({.token = "bulk-token"}).error();
  EXPECT_EQ(error.reason(), "OVERLOADED");
  EXPECT_EQ(error.code(), Code::kResourceExhausted);
  EXPECT_TRUE(Shows("epigrid_rpc_refused_total{class=\"BULK\",reason=\"OVERLOADED\"} 1"));
  EXPECT_TRUE(Eventually([&] { return pipeline_->in_flight() == 17; }));
  api_->Release(17);
}

TEST_F(FullPipelineTest, WhoGoesAwayWhileItWaitsLeavesTheLine) {
  EXPECT_EQ(Echo({.token = "bulk-token", .deadline = milliseconds(100)}).status.error_code(),
            grpc::DEADLINE_EXCEEDED);
  EXPECT_TRUE(Eventually([&] { return pipeline_->in_flight() == 17; }));
  EXPECT_TRUE(Eventually([&] { return Shows("epigrid_rpc_waiting_calls{work=\"bulk\"} 0"); }));
  api_->Release(17);
}

TEST_F(FullPipelineTest, ADrainAwaitsWhoStandsInLine) {
  auto bulk = EchoLater({.token = "bulk-token"});
  EXPECT_TRUE(Eventually([&] { return pipeline_->in_flight() == 18; }));
  auto drained = std::async(std::launch::async, [&] { return pipeline_->Drain(kPatience); });
  EXPECT_TRUE(Eventually([&] { return Echo({}).error().reason() == "DRAINING"; }));
  api_->Release(17);
  EXPECT_EQ(drained.get(), 0u);
  // Accepted, so answered: with its turn or, where that was too late, without having begun.
  const Answered answered = bulk.get();
  EXPECT_TRUE(answered.status.ok() || answered.error().reason() == "OVERLOADED");
}

TEST_F(PipelineTest, AQuotaIsToldWithTheTimeOfTheNextCall) {
  Start();
  std::string text = WithHashes(kCallers);
  const std::string gate = "class: GATE, ";
  text.insert(text.find(gate) + gate.size(), "quotas: {calls_per_second: 0.01, calls_burst: 2}, ");
  directory_.Replace(Callers::Parse("callers.yaml", text).callers);
  EXPECT_TRUE(Echo({}).status.ok());
  EXPECT_TRUE(Echo({}).status.ok());
  const Answered third = Echo({});
  EXPECT_EQ(third.error().reason(), "QUOTA_EXCEEDED");
  google::rpc::Status status;
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(status.ParseFromString(third.status.error_details()));
  ASSERT_TRUE(status.details(status.details_size() - 1).UnpackTo(&retry));
  EXPECT_GT(retry.retry_delay().seconds(), 50);
  EXPECT_LE(retry.retry_delay().seconds(), 100);
  EXPECT_TRUE(Echo({.token = "bulk-token"}).status.ok());
  EXPECT_TRUE(Eventually([&] { return pipeline_->in_flight() == 0; }));
}

TEST_F(PipelineTest, ADrainLetsWhatIsInFlightFinishAndRefusesTheRest) {
  Start();
  auto in_flight = EchoLater(Waiting());
  api_->WaitFor(1);
  auto drained = std::async(std::launch::async, [&] { return pipeline_->Drain(kPatience); });
  EXPECT_TRUE(Eventually([&] { return Echo({}).error().reason() == "DRAINING"; }));
  EXPECT_EQ(Echo({}).status.error_code(), grpc::UNAVAILABLE);
  api_->Release(1);
  EXPECT_TRUE(in_flight.get().status.ok());
  EXPECT_EQ(drained.get(), 0u);
}

// Up to the moment at which connections are closed, and then not answered: the close says more.
TEST_F(PipelineTest, WhatIsServedToTheEndIsRefusedByNoDrain) {
  Start({}, {.served_to_the_end = true});
  std::atomic<int> served = 0;
  std::vector<std::future<Answered>> last;
  for (int i = 0; i < 4; ++i) {
    last.push_back(std::async(std::launch::async, [&] {
      for (;;) {
        Answered answered = Echo({});
        if (!answered.status.ok()) return answered;
        ++served;
      }
    }));
  }
  EXPECT_TRUE(Eventually([&] { return served > 100; }));
  EXPECT_EQ(pipeline_->Drain(kPatience), 0u);
  Shutdown(Duration(0));
  for (auto& answered : last) EXPECT_THAT(answered.get().error().reason(), StartsWith("RPC_"));
}

TEST_F(PipelineTest, WhatADrainCannotAwaitIsAnsweredAndShutdownDoesNotHang) {
  Start();
  auto stuck = EchoLater(Waiting());
  api_->WaitFor(1);
  EXPECT_EQ(pipeline_->Drain(milliseconds(1)), 1u);
  // Not DRAINING, which says that nothing was done.
  EXPECT_EQ(stuck.get().error().reason(), "OUTCOME_UNKNOWN");
  Shutdown(kPatience);
  api_->Release(1);
  EXPECT_TRUE(Eventually([&] { return pipeline_->in_flight() == 0; }));
}

TEST_F(PipelineTest, ShutdownWithoutADrainDoesNotHangEither) {
  Start();
  auto stuck = EchoLater(Waiting());
  api_->WaitFor(1);
  Shutdown(Duration(0));
  EXPECT_FALSE(stuck.get().status.ok());
  api_->Release(1);
  EXPECT_TRUE(Eventually([&] { return pipeline_->in_flight() == 0; }));
}

TEST_F(PipelineTest, UnderLoadEveryCallIsAnsweredOnceThroughADrain) {
  PipelineOptions options;
  options.class_in_flight_max[0] = 8;
  Start(options);
  std::atomic<int> served = 0;
  std::atomic<int> refused = 0;
  std::atomic<int> other = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, i] {
      for (;;) {
        Options call;
        if (i % 4 == 0) call.deadline = milliseconds(1);
        const Answered answered = Echo(call);
        if (answered.status.ok()) {
          ++served;
        } else if (answered.error().reason() == "DRAINING") {
          ++refused;
          return;
        } else if (answered.status.error_code() != grpc::DEADLINE_EXCEEDED) {
          ++other;
        }
      }
    });
  }
  EXPECT_TRUE(Eventually([&] { return served > 200; }));
  EXPECT_EQ(pipeline_->Drain(kPatience), 0u);
  for (auto& client : clients) client.join();
  EXPECT_EQ(refused, 8);
  EXPECT_EQ(other, 0);
}

TEST(PipelineDeathTest, AMethodThatDoesNotExistIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Metrics metrics;
  SeededRandom random;
  CallerDirectory callers(Callers::EveryoneIsOperator());
  EventLoop loop("test");
  Pipeline pipeline({}, loop, callers, metrics, random);
  EchoApi api(pipeline);
  EXPECT_DEATH(pipeline.Serve("epigrid.echo.v1.EchoService/Ecko", &api, &EchoApi::DoEcho),
               "no such method");
}

}  // namespace
}  // namespace epigrid
