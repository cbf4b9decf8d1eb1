// A whole process, but for its services: ports, health, admin pages, certificates and the end.
#include "common/app/process.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "common/app/testing/test_authority.h"
#include "common/app/tls_credentials.h"
#include "common/log/log.h"
#include "common/rpc/status_details.h"
#include "epigrid/echo/v1/echo.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/fakes/temporary_directory.h"

namespace epigrid {
namespace {

using echo::v1::EchoRequest;
using echo::v1::EchoResponse;
using echo::v1::EchoService;
using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using testing::HasSubstr;

constexpr char kPart[] = "echo";
constexpr auto kPatience = std::chrono::seconds(30);

class EchoApi final : public EchoService::AsyncService {
 public:
  explicit EchoApi(Pipeline& pipeline) {
    pipeline.Serve("epigrid.echo.v1.EchoService/Echo", this, &EchoApi::DoEcho);
  }

  Promise<Done> go_on;
  Promise<Done> waiting;

 private:
  Task<Status> DoEcho(Call& call, const EchoRequest& request, EchoResponse& response) {
    if (request.wait()) {
      waiting.Set(Done{});
      co_await go_on.future();
    }
    response.set_text(request.text());
    response.set_caller(call.caller().name);
    co_return OkStatus();
  }
};

struct HttpAnswer {
  long status = 0;
  std::string body;
};

HttpAnswer Get(const std::string& url) {
  HttpAnswer answer;
  CURL* curl = curl_easy_init();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(
      curl, CURLOPT_WRITEFUNCTION, +[](char* data, size_t size, size_t count, void* body) {
        static_cast<std::string*>(body)->append(data, size * count);
        return size * count;
      });
  if (curl_easy_perform(curl) == CURLE_OK)
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_easy_cleanup(curl);
  return answer;
}

// Files in a directory of its own.
class Directory {
 public:
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name) << text;
    return directory_ / name;
  }
  std::string Path(const std::string& name) const { return directory_ / name; }

 private:
  const TemporaryDirectory directory_;
};

// A process that runs on a thread of its own until it is told to stop.
class Running {
 public:
  explicit Running(const std::vector<std::string>& flags) {
    process.readiness().Add(kPart);
    std::vector<const char*> argv = {"test", "--server-listen=127.0.0.1:0",
                                     "--admin-listen=127.0.0.1:0"};
    for (const std::string& flag : flags) argv.push_back(flag.c_str());
    EPIGRID_CHECK(!process.Configure(static_cast<int>(argv.size()), argv.data()), "bad flags");
    api.emplace(process.pipeline());
    process.AddService(*api, EchoService::service_full_name(), kPart);
    process.OnListening([this](int grpc, int admin) {
      grpc_port = grpc;
      admin_port = admin;
      listening.Set(Done{});
    });
    thread_ = std::thread([this] { exit_code = process.Run(); });
    listening.future().Wait();
  }
  ~Running() { Stop(); }
  void Stop() {
    if (!thread_.joinable()) return;
    process.RequestStop();
    thread_.join();
  }

  std::string Admin(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(admin_port) + path;
  }
  std::shared_ptr<grpc::Channel> Channel(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials =
          grpc::InsecureChannelCredentials()) const {
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("localhost");
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(grpc_port), credentials,
                                     arguments);
  }
  static Result<std::string> Echo(const std::shared_ptr<grpc::Channel>& channel,
                                  const std::string& token = "", bool wait = false) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    context.set_wait_for_ready(true);
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    EchoRequest request;
    request.set_wait(wait);
    EchoResponse response;
    const Status status =
        FromGrpcStatus(EchoService::NewStub(channel)->Echo(&context, request, &response));
    if (!status.ok()) return status;
    return response.caller();
  }
  HealthCheckResponse::ServingStatus Health(const std::string& service) const {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    const grpc::Status status = Health::NewStub(Channel())->Check(&context, request, &response);
    return status.ok() ? response.status() : HealthCheckResponse::SERVICE_UNKNOWN;
  }

  Process process{"test"};
  std::optional<EchoApi> api;
  Promise<Done> listening;
  int grpc_port = 0;
  int admin_port = 0;
  int exit_code = -1;

 private:
  std::thread thread_;
};

TEST(ProcessTest, HealthFollowsReadinessPerService) {
  Running running({});
  EXPECT_EQ(running.Health(EchoService::service_full_name()), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(running.Health(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Get(running.Admin("/healthz/live")).status, 200);
  HttpAnswer ready = Get(running.Admin("/healthz/ready"));
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.body, "echo: starting\n");

  running.process.readiness().SetReady(kPart);
  EXPECT_EQ(running.Health(EchoService::service_full_name()), HealthCheckResponse::SERVING);
  EXPECT_EQ(running.Health(""), HealthCheckResponse::SERVING);
  EXPECT_EQ(Get(running.Admin("/healthz/ready")).status, 200);

  running.process.readiness().SetNotReady(kPart, "the log cannot be reached");
  EXPECT_EQ(running.Health(EchoService::service_full_name()), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Get(running.Admin("/healthz/ready")).body, "echo: the log cannot be reached\n");
  EXPECT_EQ(running.Health("no.such.Service"), HealthCheckResponse::SERVICE_UNKNOWN);
}

TEST(ProcessTest, NothingIsReadyBeforeThePortIsOpen) {
  Process process{"test"};
  const std::array argv = {"test", "--server-listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"};
  ASSERT_FALSE(process.Configure(static_cast<int>(argv.size()), argv.data()));
  process.OnListening([&](int, int) {
    EXPECT_TRUE(process.readiness().ready());
    process.RequestStop();
  });
  const int exit_code = process.Run([&] {
    process.readiness().SetReady(kPart);
    EXPECT_FALSE(process.readiness().ready());
    EXPECT_EQ(process.readiness().Describe(), "port: not listening yet\n");
    return OkStatus();
  });
  EXPECT_EQ(exit_code, 0);
}

TEST(ProcessTest, AWatcherOfHealthSeesChangesAndDoesNotHoldUpTheEnd) {
  Running running({});
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service(EchoService::service_full_name());
  HealthCheckResponse response;
  const auto stub = Health::NewStub(running.Channel());
  const auto watch = stub->Watch(&context, request);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  running.process.readiness().SetReady(kPart);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  running.process.RequestStop();
  while (watch->Read(&response)) EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Finish().ok());
  running.Stop();
  EXPECT_EQ(running.exit_code, 0);
}

TEST(ProcessTest, TheAdminPagesShowMetricsAndTheConfiguration) {
  Running running({"--server-drain-deadline=3s"});
  EXPECT_EQ(Running::Echo(running.Channel()).value(), "local");
  EXPECT_THAT(Get(running.Admin("/metrics")).body, HasSubstr("grpc_server_started_total"));
  EXPECT_THAT(Get(running.Admin("/configz")).body,
              HasSubstr("drain_deadline: 3s  # --server-drain-deadline"));
  EXPECT_EQ(Get(running.Admin("/metrics/x")).status, 404);
}

TEST(ProcessTest, AStopLetsCallsFinishThenRunsTheHooksInReverse) {
  Running running({});
  std::vector<std::string> stopped;
  running.process.OnStop([&] { stopped.emplace_back("first"); });
  running.process.OnStop([&] { stopped.emplace_back("second"); });
  running.process.OnStopBegins([&] { stopped.emplace_back("begun"); });
  std::thread client(
      [&] { EXPECT_TRUE(Running::Echo(running.Channel(), "", /*wait=*/true).ok()); });
  running.api->waiting.future().Wait();
  running.process.RequestStop();
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (Running::Echo(running.Channel()).ok()) ASSERT_LT(std::chrono::steady_clock::now(), end);
  EXPECT_EQ(Running::Echo(running.Channel()).status().reason(), "DRAINING");
  EXPECT_EQ(Get(running.Admin("/healthz/ready")).status, 503);
  running.api->go_on.Set(Done{});
  client.join();
  running.Stop();
  EXPECT_EQ(running.exit_code, 0);
  EXPECT_THAT(stopped, testing::ElementsAre("begun", "second", "first"));
}

TEST(ProcessTest, ACallersFileThatChangesIsReadAnewUnlessItIsWrong) {
  Directory directory;
  // printf %s one | sha256sum, and two
  const std::string head =
      "version: 1\ncallers:\n  - {name: a, agency: a, class: GATE, methods: ['*'], credentials: "
      "[{token_sha256: ";
  const std::string one =
      head + "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed}]}\n";
  const std::string two =
      head + "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3}]}\n";
  const std::string path = directory.Write("callers.yaml", one);
  Running running({"--server-callers=" + path});
  const auto channel = running.Channel();
  EXPECT_EQ(Running::Echo(channel, "one").value(), "a");
  EXPECT_EQ(Running::Echo(channel, "two").status().reason(), "TOKEN_UNKNOWN");

  directory.Write("callers.yaml", two);
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(5));
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!Running::Echo(channel, "two").ok()) ASSERT_LT(std::chrono::steady_clock::now(), end);

  LogCapture log;
  directory.Write("callers.yaml", "rubbish");
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(10));
  while (log.text().find("callers.unchanged") == std::string::npos)
    ASSERT_LT(std::chrono::steady_clock::now(), end);
  EXPECT_TRUE(Running::Echo(channel, "two").ok());

  std::filesystem::remove(path);
  while (log.text().find("FILE_UNREADABLE") == std::string::npos)
    ASSERT_LT(std::chrono::steady_clock::now(), end);
  EXPECT_TRUE(Running::Echo(channel, "two").ok());
}

TEST(ProcessTest, APortThatIsTakenIsAFailureWithAReason) {
  Running running({});
  LogCapture log;
  Process process("second");
  const std::string listen = "--server-listen=127.0.0.1:" + std::to_string(running.grpc_port);
  const char* argv[] = {"test", listen.c_str(), "--admin-listen="};
  ASSERT_FALSE(process.Configure(3, argv));
  EXPECT_EQ(process.Run(), 1);
  EXPECT_THAT(log.text(), HasSubstr("LISTEN_FAILED"));
}

// A client that tries UNAVAILABLE again, and nothing else, loses no call.
TEST(ProcessTest, WhoCallsWhileItGoesAwayIsAnsweredOrFindsItUnavailable) {
  Running running({});
  std::atomic<int> served{0};
  std::mutex mutex;
  std::set<grpc::StatusCode> others;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      const auto stub = EchoService::NewStub(running.Channel());
      for (int unavailable = 0; unavailable < 50;) {
        grpc::ClientContext context;
        EchoResponse response;
        const grpc::Status status = stub->Echo(&context, {}, &response);
        served += status.ok() ? 1 : 0;
        unavailable += status.error_code() == grpc::UNAVAILABLE ? 1 : 0;
        std::lock_guard lock(mutex);
        others.insert(status.error_code());
      }
    });
  }
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (served < 200) ASSERT_LT(std::chrono::steady_clock::now(), end);
  running.Stop();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(running.exit_code, 0);
  EXPECT_EQ(others, (std::set{grpc::OK, grpc::UNAVAILABLE}));
}

class TlsTest : public testing::Test {
 protected:
  // An authority, and a certificate of each side signed by it.
  TlsTest() {
    Issue(authority_);
    directory_.Write("callers.yaml",
                     "version: 1\ncallers:\n  - {name: lab, agency: a, class: AGENCY, methods: "
                     "['*'], credentials: [{mtls_name: lab.example}]}\n");
  }
  void Issue(const TestAuthority& authority) {
    authority.Issue("server", "localhost", directory_.Path(""));
    authority.Issue("client", "lab.example", directory_.Path(""));
    directory_.Write("ca.pem", ReadText(authority.certificate()));
  }
  std::vector<std::string> Flags() const {
    return {"--server-tls-certificate=" + directory_.Path("server.pem"),
            "--server-tls-key=" + directory_.Path("server.key"),
            "--server-tls-client-ca=" + directory_.Path("ca.pem"),
            "--server-callers=" + directory_.Path("callers.yaml")};
  }
  // As whom the server knows a client with this certificate of this authority, on a connection of
  // its own.
  std::shared_ptr<grpc::Channel> Connect(const Running& running, const std::string& ca,
                                         const std::string& name = "client") const {
    return running.Channel(
        TlsChannelCredentials({.certificate = ReadText(directory_.Path(name + ".pem")),
                               .key = ReadText(directory_.Path(name + ".key")),
                               .ca = ca,
                               .expires = {}}));
  }

  // Whether the two shake hands.
  static bool Reaches(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    EchoResponse response;
    return EchoService::NewStub(channel)->Echo(&context, {}, &response).ok();
  }
  template <typename Condition>
  static void AwaitThat(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) ASSERT_LT(std::chrono::steady_clock::now(), end);
  }

  const TestAuthority authority_{"city"};
  Directory directory_;
};

TEST_F(TlsTest, AClientIsKnownByItsCertificate) {
  Running running(Flags());
  const std::string ca = ReadText(authority_.certificate());
  EXPECT_EQ(Running::Echo(running.Channel(TlsChannelCredentials(
                              {.certificate = {}, .key = {}, .ca = ca, .expires = {}})))
                .status()
                .reason(),
            "TOKEN_MISSING");
  EXPECT_EQ(Running::Echo(Connect(running, ca)).value(), "lab");
  EXPECT_EQ(Running::Echo(Connect(running, ca, "server")).status().reason(), "CERTIFICATE_UNKNOWN");
}

TEST_F(TlsTest, CertificatesOfAnotherAuthorityAreTakenOverWhileItServes) {
  Running running(Flags());
  const std::string old_ca = ReadText(authority_.certificate());
  const auto old_channel = Connect(running, old_ca);
  EXPECT_EQ(Running::Echo(old_channel).value(), "lab");

  const TestAuthority successor("city-2");
  Issue(successor);
  const std::string new_ca = ReadText(successor.certificate());
  // Within seconds: the server shows the new certificate, and knows clients by the new authority.
  AwaitThat([&] { return Reaches(Connect(running, new_ca)); });
  EXPECT_EQ(Running::Echo(Connect(running, new_ca)).value(), "lab");
  EXPECT_FALSE(Reaches(Connect(running, old_ca)));
  // Who was connected stays so.
  EXPECT_EQ(Running::Echo(old_channel).value(), "lab");
}

TEST_F(TlsTest, WhatIsBrokenOnDiskChangesNothingAndIsTold) {
  LogCapture log;
  Running running(Flags());
  const std::string ca = ReadText(authority_.certificate());
  directory_.Write("server.key", "rubbish");
  AwaitThat([&] { return log.text().find("tls.unchanged") != std::string::npos; });
  EXPECT_THAT(log.text(), HasSubstr("TLS_FILE_INVALID"));
  EXPECT_EQ(Running::Echo(Connect(running, ca)).value(), "lab");
  EXPECT_THAT(Get(running.Admin("/metrics")).body,
              HasSubstr("epigrid_tls_certificate_expiry_timestamp_seconds"));
}

std::vector<std::string> ConfigErrors(std::vector<std::string> arguments) {
  ServerConfig config;
  ConfigSpec spec;
  config.AddTo(spec);
  ConfigSources sources;
  sources.arguments = std::move(arguments);
  return spec.Load(sources);
}

TEST(ProcessTest, RequestsThatAreTooLargeAreRefused) {
  const Running running({"--server-message-bytes-max=1024"});
  const auto echo = [&](size_t bytes) {
    grpc::ClientContext context;
    EchoRequest request;
    request.set_text(std::string(bytes, 'a'));
    EchoResponse response;
    return FromGrpcStatus(
        EchoService::NewStub(running.Channel())->Echo(&context, request, &response));
  };
  EXPECT_TRUE(echo(1000).ok());
  EXPECT_EQ(echo(1030).reason(), "REQUEST_TOO_LARGE");
  EXPECT_EQ(echo(2040).reason(), "REQUEST_TOO_LARGE");
  const Status cut_off = echo(2050);
  EXPECT_EQ(cut_off.code(), Code::kResourceExhausted);
  EXPECT_THAT(cut_off.message(), HasSubstr("Received message larger than max"));
}

TEST(ServerConfigTest, BeyondLoopbackTlsAndCallersAreRequired) {
  EXPECT_THAT(ConfigErrors({"--server-listen=0.0.0.0:1"}),
              testing::ElementsAre(HasSubstr("beyond loopback TLS and callers are required")));
  EXPECT_THAT(ConfigErrors({"--server-listen=0.0.0.0:1", "--server-callers=/c"}),
              testing::SizeIs(1));
  EXPECT_THAT(ConfigErrors({"--server-listen=127.0.0.1.evil.example:1"}), testing::SizeIs(1));
  EXPECT_THAT(ConfigErrors({"--server-listen=0.0.0.0:1", "--insecure-listen"}), testing::IsEmpty());
  EXPECT_THAT(ConfigErrors({"--server-listen=127.0.0.1:1", "--admin-listen=0.0.0.0:2"}),
              testing::ElementsAre(HasSubstr("say --admin-insecure-listen")));
  EXPECT_THAT(ConfigErrors({"--server-listen=127.0.0.1:1", "--admin-listen=0.0.0.0:2",
                            "--admin-insecure-listen"}),
              testing::IsEmpty());
  EXPECT_THAT(ConfigErrors({"--server-listen=0.0.0.0:1", "--server-callers=/c",
                            "--server-tls-certificate=/a", "--server-tls-key=/b"}),
              testing::IsEmpty());
  for (const char* listen :
       {"localhost:1", "127.0.0.1:1", "127.1.2.3:1", "[::1]:1", "unix:/run/a"}) {
    EXPECT_THAT(ConfigErrors({std::string("--server-listen=") + listen}), testing::IsEmpty())
        << listen;
  }
}

TEST(ServerConfigTest, WhatIsNoAddressIsNamedAsSuch) {
  for (const char* listen :
       {"nonsense", "127.0.0.1", ":50051", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536",
        "::1:50051", "[]:1", "http://127.0.0.1:1", "unix:"}) {
    EXPECT_THAT(ConfigErrors({std::string("--server-listen=") + listen}),
                testing::ElementsAre(AllOf(HasSubstr(std::string("\"") + listen + "\""),
                                           HasSubstr("give host:port"))))
        << listen;
  }
}

[[noreturn]] void ServeUntilSigterm() {
  Process process("test");
  const char* argv[] = {"test", "--server-listen=127.0.0.1:0", "--admin-listen="};
  if (process.Configure(3, argv)) std::_Exit(9);
  process.OnListening([](int, int) { kill(getpid(), SIGTERM); });
  process.OnStop([] {
    kill(getpid(), SIGHUP);  // no reason to end before the rest has stopped
    std::fprintf(stderr, "stopped well\n");
  });
  std::exit(process.Run());
}

[[noreturn]] void ConfigureWithoutCallers() {
  Process process("demo");
  const std::array<const char*, 3> argv = {"demo", "--server-callers=/nowhere", "--server-lisen=x"};
  std::exit(process.Configure(static_cast<int>(argv.size()), argv.data()).value_or(9));
}

[[noreturn]] void ConfigureWrongly() {
  Process process("test");
  const char* argv[] = {"test", "--server-listne=x", "--server-drain-deadline=soon"};
  std::exit(process.Configure(3, argv).value_or(9));
}

TEST(ProcessDeathTest, SigtermEndsItWell) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ServeUntilSigterm(), testing::ExitedWithCode(0), "stopped well");
}

TEST(ProcessDeathTest, WrongSettingsEndItWithAllErrors) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ConfigureWrongly(), testing::ExitedWithCode(2), "did you mean --server-listen");
  // A file that cannot be read is one of them.
  EXPECT_EXIT(ConfigureWithoutCallers(), testing::ExitedWithCode(2),
              "did you mean --server-listen(.|\n)*server.callers .*cannot read /nowhere");
}

}  // namespace
}  // namespace epigrid
