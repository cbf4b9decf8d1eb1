// What the pipeline costs: a bare generated echo service against the same one behind the pipeline,
// both with a real client on this machine, 2 channels with 32 calls in flight each. The two are
// measured in turns within one run, since machines drift; the table says the medians and their
// ratio.
//
//   rpc_echo_bench [rounds] [seconds per turn]        default 7 rounds of 1 s
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <latch>
#include <thread>
#include <vector>

#include "common/app/libraries.h"
#include "common/rpc/pipeline.h"
#include "epigrid/echo/v1/echo.grpc.pb.h"

namespace epigrid {
namespace {

using echo::v1::EchoRequest;
using echo::v1::EchoResponse;
using echo::v1::EchoService;
using SteadyClock = std::chrono::steady_clock;

constexpr int kChannels = 2;
constexpr int kInFlightPerChannel = 32;
constexpr size_t kTextBytes = 100;  // about what a code's answer has
// printf %s bench-token | sha256sum
constexpr char kCallers[] = R"(version: 1
callers:
  - name: gate
    agency: metro
    class: GATE
    methods: [epigrid.echo.*]
    credentials: [{token_sha256: 7137e16f75a1d75b6fd65930672814806cdc1a0d6e0aa38611afc996a402258b}]
)";

class BareEcho final : public EchoService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context, const EchoRequest* request,
                                 EchoResponse* response) override {
    response->set_text(request->text());
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

class PipelineEcho final : public EchoService::CallbackService {
 public:
  explicit PipelineEcho(Pipeline& pipeline)
      : pipeline_(pipeline), echo_(pipeline.AddMethod("epigrid.echo.v1.EchoService/Echo")) {}
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context, const EchoRequest* request,
                                 EchoResponse* response) override {
    return pipeline_.Serve(context, request, response, echo_, this, &PipelineEcho::DoEcho);
  }

 private:
  Task<Status> DoEcho(Call&, const EchoRequest& request, EchoResponse& response) {
    response.set_text(request.text());
    co_return OkStatus();
  }
  Pipeline& pipeline_;
  Method& echo_;
};

// A server and the client's channels to it.
class Side {
 public:
  explicit Side(grpc::Service& service) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
    for (int i = 0; i < kChannels; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt("epigrid.bench.channel", i);  // or gRPC would share one connection
      stubs_.push_back(EchoService::NewStub(grpc::CreateCustomChannel(
          "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), arguments)));
    }
  }
  ~Side() { server_->Shutdown(); }

  struct Measured {
    double calls_per_second = 0;
    double p50_ms = 0;
    double p99_ms = 0;
    double cpu_us = 0;  // of client and server, per call: steadier than the rate on a busy machine
  };
  Measured Run(Duration duration);

 private:
  struct Flight;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<EchoService::Stub>> stubs_;
};

// One of the calls in flight, which follows itself until the time is over.
struct Side::Flight {
  EchoService::Stub* stub;
  SteadyClock::time_point end;
  std::latch* done;
  EchoRequest request;
  EchoResponse response;
  std::optional<grpc::ClientContext> context;
  SteadyClock::time_point began;
  std::vector<double> ms;

  void Begin() {
    began = SteadyClock::now();
    context.emplace();
    context->AddMetadata("authorization", "Bearer bench-token");
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    stub->async()->Echo(&*context, &request, &response, [this](const grpc::Status& status) {
      if (!status.ok()) {
        std::fprintf(stderr, "call failed: %s\n", status.error_message().c_str());
        std::abort();
      }
      const auto now = SteadyClock::now();
      ms.push_back(std::chrono::duration<double, std::milli>(now - began).count());
      if (now >= end) {
        done->count_down();
      } else {
        Begin();
      }
    });
  }
};

double ProcessCpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

Side::Measured Side::Run(Duration duration) {
  std::latch done(kChannels * kInFlightPerChannel);
  std::vector<Flight> flights(kChannels * kInFlightPerChannel);
  const auto begin = SteadyClock::now();
  for (size_t i = 0; i < flights.size(); ++i) {
    flights[i].stub = stubs_[i % kChannels].get();
    flights[i].end = begin + duration;
    flights[i].done = &done;
    flights[i].request.set_text(std::string(kTextBytes, 'x'));
  }
  const double cpu_begin = ProcessCpuSeconds();
  for (Flight& flight : flights) flight.Begin();
  done.wait();
  const double cpu_seconds = ProcessCpuSeconds() - cpu_begin;
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  std::vector<double> all;
  for (const Flight& flight : flights) all.insert(all.end(), flight.ms.begin(), flight.ms.end());
  std::ranges::sort(all);
  return {static_cast<double>(all.size()) / seconds, all[all.size() / 2],
          all[all.size() * 99 / 100], 1e6 * cpu_seconds / static_cast<double>(all.size())};
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

Side::Measured Median(const std::vector<Side::Measured>& rounds) {
  std::vector<double> rate, p50, p99, cpu;
  for (const auto& round : rounds) {
    rate.push_back(round.calls_per_second);
    p50.push_back(round.p50_ms);
    p99.push_back(round.p99_ms);
    cpu.push_back(round.cpu_us);
  }
  return {Median(rate), Median(p50), Median(p99), Median(cpu)};
}

void RunBench(int rounds, Duration turn) {
  SwitchOffLockCycleSearch();  // as every process of ours does
  Metrics metrics;
  OpenSslRandom random;
  Callers::Parsed parsed = Callers::Parse("callers.yaml", kCallers);
  EPIGRID_CHECK(parsed.callers != nullptr, "the bench's callers are wrong");
  CallerDirectory callers(parsed.callers);
  Pipeline pipeline({}, callers, metrics, random);
  BareEcho bare_service;
  PipelineEcho pipeline_service(pipeline);
  Side bare(bare_service);
  Side piped(pipeline_service);
  bare.Run(turn);  // to warm up
  piped.Run(turn);
  std::vector<Side::Measured> bare_rounds, piped_rounds;
  for (int i = 0; i < rounds; ++i) {
    bare_rounds.push_back(bare.Run(turn));
    piped_rounds.push_back(piped.Run(turn));
  }
  pipeline.Drain(std::chrono::seconds(5));
  const Side::Measured b = Median(bare_rounds);
  const Side::Measured p = Median(piped_rounds);
  std::printf("| echo, %d channels x %d in flight | calls/s | p50 ms | p99 ms | CPU us/call |\n",
              kChannels, kInFlightPerChannel);
  std::printf("|---|---|---|---|---|\n");
  const auto row = [](const char* name, const Side::Measured& m) {
    std::printf("| %s | %.0f | %.2f | %.2f | %.1f |\n", name, m.calls_per_second, m.p50_ms,
                m.p99_ms, m.cpu_us);
  };
  row("bare", b);
  row("pipeline", p);
  std::printf("| pipeline / bare | %.1f %% | %.2f | %.2f | %.3f |\n",
              100 * p.calls_per_second / b.calls_per_second, p.p50_ms / b.p50_ms,
              p.p99_ms / b.p99_ms, p.cpu_us / b.cpu_us);
}

}  // namespace
}  // namespace epigrid

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 7;
  const int seconds = argc > 2 ? std::atoi(argv[2]) : 1;
  if (rounds < 1 || seconds < 1) {
    std::fprintf(stderr, "usage: %s [rounds] [seconds per turn]\n", argv[0]);
    return 2;
  }
  epigrid::RunBench(rounds, std::chrono::seconds(seconds));
}
