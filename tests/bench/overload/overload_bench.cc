// overload_bench: what ten times the load does to who comes first.
//
//   overload_bench [--bin DIR] [--seconds N] [--rounds N] [--residents N] [--imports N]
//
// Gates check codes and an agency reports cases, steadily, while residents (nine of ten look at
// their code, one checks in) and imports of check-ins come at a usual rate and then at ten times
// that, in turns. Printed are the first class's p99 in both, their ratio (medians over the rounds),
// what of the others was done and refused, and whether health answered throughout.
//
// Everything runs on this machine. What is measured is sent by this process; the load of residents
// and imports by another, ten nicer, so that on few cores it is the load that waits for a
// processor and neither the server nor who measures; whether it came as fast as it was meant to is
// printed. Calls come when they are due (open_loop.h), and nobody heeds RetryInfo: the worst of
// callers.
#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "common/app/libraries.h"
#include "common/base/ids.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/bench/overload/city_load.h"
#include "tests/bench/overload/load_report.h"
#include "tests/bench/overload/open_loop.h"
#include "tests/bench/system/table.h"
#include "tests/bench/system/world.h"

namespace epigrid::bench {
namespace {

namespace ct = contact_tracing::v1;

constexpr int kTimes = 10;
constexpr int kLoadNice = 10;
constexpr size_t kLoadChannels = 4;  // of each kind

struct Flags {
  std::filesystem::path bin;
  int seconds = 15;
  int rounds = 3;
  double gates = 500;       // calls/s
  double cases = 20;        // calls/s
  double residents = 1000;  // calls/s, the usual
  double imports = 10;      // batches/s, the usual
  // Of the process that makes the load.
  std::string load;  // the server's address; empty: this one measures
  uint64_t first_number = 0;
  std::string report;
};

std::vector<std::shared_ptr<grpc::Channel>> Connect(const std::string& address, size_t count) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (size_t i = 0; i < count; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // else they share a connection
    channels.push_back(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  }
  return channels;
}

// What the other process does.
int MakeLoad(const Flags& flags) {
  CityLoad residents(Connect(flags.load, kLoadChannels), "resident");
  CityLoad imports(Connect(flags.load, kLoadChannels), "import");
  const auto duration = std::chrono::seconds(flags.seconds);
  OpenLoopResult residents_did, imports_did;
  std::thread importer([&] {
    OpenLoop loop({.per_second = flags.imports,
                   .duration = duration,
                   .first_number = flags.first_number,
                   .outstanding_max = 200});
    imports_did = loop.Run([&](uint64_t number, OpenLoop::Ended ended) {
      imports.ImportCheckIns(number, std::move(ended));
    });
  });
  OpenLoop loop({.per_second = flags.residents,
                 .duration = duration,
                 .first_number = flags.first_number * kCheckInsPerImport});
  residents_did = loop.Run([&](uint64_t number, OpenLoop::Ended ended) {
    if (number % 10 == 0) {
      residents.CheckIn(number, std::move(ended));
    } else {
      residents.CheckCode(number, std::move(ended));
    }
  });
  importer.join();
  WriteLoadReport(flags.report, {.residents = residents_did, .imports = imports_did});
  return 0;
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// What was seen in the rounds of one load.
struct Seen {
  std::vector<double> gate_p50, gate_p99, case_p50, case_p99, late_p99;  // ms
  std::vector<double> residents, imports;                                // done, a second
  std::vector<double> residents_due, imports_due;                        // meant, a second
  std::vector<double> not_sent;                                          // part of what was due
  std::vector<double> server_cores;
  std::map<std::string, uint64_t> refused;       // of residents and imports
  std::map<std::string, uint64_t> first_failed;  // of gates and cases
  uint64_t health_asked = 0, health_serving = 0;
  double health_worst_ms = 0;
  double event_age_seconds = 0;
};

class Bench {
 public:
  Bench(const Flags& flags, const std::string& self)
      : flags_(flags),
        self_(self),
        world_({.own_program = self,
                .bin = flags.bin,
                .callers = CityCallers(),
                .token = TokenOf("operator")}),
        gates_(Connect(world_.address(), 1), "gate"),
        agency_(Connect(world_.address(), 1), "agency") {}

  // The exit code: 1 if a claim does not hold.
  int Run() {
    PrepareSettings();
    Round(1, 3, warm_up_);
    for (int i = 0; i < flags_.rounds; ++i) {
      Round(1, flags_.seconds, usual_);
      Round(kTimes, flags_.seconds, tenfold_);
    }
    return Print();
  }

 private:
  void PrepareSettings() {
    const auto stub = ct::ContactTracingService::NewStub(Connect(world_.address(), 1).front());
    for (size_t begin = 0; begin < kCitySettings; begin += 1000) {
      ct::BatchUpdateSettingsRequest request;
      for (size_t i = begin; i < begin + 1000; ++i) {
        ct::Setting& setting = *request.add_settings();
        setting.set_setting_id(CitySetting(i));
        setting.set_category(ct::SETTING_CATEGORY_SHOP);
      }
      grpc::ClientContext context;
      context.AddMetadata("authorization", "Bearer " + TokenOf("operator"));
      ct::BatchUpdateSettingsResponse response;
      EPIGRID_CHECK(stub->BatchUpdateSettings(&context, request, &response).ok(),
                    "the bench's settings are good");
    }
    AwaitQuiet();
  }

  void AwaitQuiet() {
    const Status status =
        world_.backend().AwaitQuiet(std::chrono::minutes(5), std::chrono::minutes(2));
    EPIGRID_CHECK(status.ok(), status.ToString());
  }

  void Round(int times, int seconds, Seen& seen) {
    const std::string report = directory_ / fmt::format("report-{}", number_);
    const double cpu = world_.epigrid_cpu_seconds();
    OpenLoopResult checked, reported;
    {
      ChildProcess load(
          {self_, "--load", world_.address(), "--report", report, "--seconds",
           std::to_string(seconds), "--residents", fmt::format("{}", flags_.residents * times),
           "--imports", fmt::format("{}", flags_.imports * times), "--first-number",
           std::to_string(number_)},
          directory_ / "load.log");
      std::atomic<bool> ended{false};
      std::thread health([&] { WatchHealth(ended, seen); });
      const auto duration = std::chrono::seconds(seconds);
      std::thread cases([&] {
        OpenLoop loop({.per_second = flags_.cases, .duration = duration, .first_number = number_});
        reported = loop.Run([&](uint64_t number, OpenLoop::Ended call) {
          agency_.ReportCase(number, std::move(call));
        });
      });
      OpenLoop loop({.per_second = flags_.gates, .duration = duration, .first_number = number_});
      checked = loop.Run([&](uint64_t number, OpenLoop::Ended call) {
        gates_.CheckCode(number, std::move(call));
      });
      cases.join();
      seen.server_cores.push_back((world_.epigrid_cpu_seconds() - cpu) / checked.seconds);
      seen.event_age_seconds =
          std::max(seen.event_age_seconds, world_.backend().GetBehind().value().event_age_seconds);
      EPIGRID_CHECK(load.Wait() == 0, "the load ends by itself");
      ended = true;
      health.join();
    }
    number_ += static_cast<uint64_t>(flags_.imports * times * seconds) + 1'000'000;
    Take(checked, reported, report, seen);
    AwaitQuiet();
  }

  void WatchHealth(const std::atomic<bool>& ended, Seen& seen) {
    const auto stub = grpc::health::v1::Health::NewStub(Connect(world_.address(), 1).front());
    while (!ended) {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
      grpc::health::v1::HealthCheckResponse response;
      const auto begin = std::chrono::steady_clock::now();
      const bool serving = stub->Check(&context, {}, &response).ok() &&
                           response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - begin;
      ++seen.health_asked;
      seen.health_serving += serving ? 1 : 0;
      seen.health_worst_ms = std::max(seen.health_worst_ms, took.count());
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  static void Take(const OpenLoopResult& checked, const OpenLoopResult& reported,
                   const std::string& report, Seen& seen) {
    seen.gate_p50.push_back(checked.Percentile(0.5) * 1e3);
    seen.gate_p99.push_back(checked.Percentile(0.99) * 1e3);
    seen.case_p50.push_back(reported.Percentile(0.5) * 1e3);
    seen.case_p99.push_back(reported.Percentile(0.99) * 1e3);
    seen.late_p99.push_back(checked.late_seconds_p99 * 1e3);
    for (const OpenLoopResult* first : {&checked, &reported}) {
      if (first->not_sent > 0) seen.first_failed["NOT_SENT"] += first->not_sent;
      for (const auto& [reason, count] : first->ended) {
        if (!reason.empty()) seen.first_failed[reason] += count;
      }
    }
    const LoadReport others = ReadLoadReport(report);
    seen.residents.push_back(static_cast<double>(others.residents.succeeded()) /
                             others.residents.seconds);
    seen.imports.push_back(static_cast<double>(others.imports.succeeded()) /
                           others.imports.seconds);
    seen.residents_due.push_back(static_cast<double>(others.residents.due) /
                                 others.residents.seconds);
    seen.imports_due.push_back(static_cast<double>(others.imports.due) / others.imports.seconds);
    for (const OpenLoopResult* one : {&others.residents, &others.imports}) {
      for (const auto& [reason, count] : one->ended) {
        if (!reason.empty()) seen.refused[reason] += count;
      }
    }
    seen.not_sent.push_back(
        static_cast<double>(others.residents.not_sent + others.imports.not_sent) /
        static_cast<double>(others.residents.due + others.imports.due));
  }

  static std::string Counts(const std::map<std::string, uint64_t>& counts) {
    std::string text;
    for (const auto& [reason, count] : counts) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", reason, count);
    }
    return text.empty() ? "none" : text;
  }

  int Print() {
    Table table;
    const auto first = [&](const char* what, std::vector<double> Seen::* p50,
                           std::vector<double> Seen::* p99) {
      const double ratio = Median(tenfold_.*p99) / Median(usual_.*p99);
      table.Add({fmt::format("{}, at ten times the load of the others", what),
                 fmt::format("p50 {:.1f} ms, p99 {:.1f} ms: {:.2f} times", Median(tenfold_.*p50),
                             Median(tenfold_.*p99), ratio),
                 fmt::format("at the usual load p50 {:.1f} ms, p99 {:.1f} ms", Median(usual_.*p50),
                             Median(usual_.*p99)),
                 "p99 within 2 times"});
      return ratio <= 2;
    };
    bool holds = first("gate checks", &Seen::gate_p50, &Seen::gate_p99);
    holds &= first("case reports", &Seen::case_p50, &Seen::case_p99);
    const auto others = [&](const char* when, const Seen& seen) {
      table.Add(
          {fmt::format("residents and imports, {}", when),
           fmt::format("{:.0f} of {:.0f} calls/s and {:.0f} of {:.0f} check-ins/s done; "
                       "{:.1f} % of them not sent",
                       Median(seen.residents), Median(seen.residents_due),
                       Median(seen.imports) * kCheckInsPerImport,
                       Median(seen.imports_due) * kCheckInsPerImport, Median(seen.not_sent) * 100),
           fmt::format("refused: {}; server {:.2f} cores, event age {:.1f} s, generator "
                       "p99 {:.2f} ms late",
                       Counts(seen.refused), Median(seen.server_cores), seen.event_age_seconds,
                       Median(seen.late_p99)),
           ""});
    };
    others("usual", usual_);
    others("ten times", tenfold_);
    std::map<std::string, uint64_t> failed = usual_.first_failed;
    for (const auto& [reason, count] : tenfold_.first_failed) failed[reason] += count;
    table.Add({"gate checks and case reports that failed", Counts(failed), "", "none"});
    const uint64_t asked = usual_.health_asked + tenfold_.health_asked;
    const uint64_t serving = usual_.health_serving + tenfold_.health_serving;
    table.Add({"health probes answered SERVING within 1 s",
               fmt::format("{} of {}, slowest {:.0f} ms", serving, asked,
                           std::max(usual_.health_worst_ms, tenfold_.health_worst_ms)),
               "", "all"});
    std::fputs(table.ToString().c_str(), stdout);
    return holds && failed.empty() && asked == serving ? 0 : 1;
  }

  const Flags& flags_;
  const std::string self_;
  const TemporaryDirectory directory_;
  World world_;
  CityLoad gates_;
  CityLoad agency_;
  uint64_t number_ = 1;  // of what is not to be sent twice
  Seen warm_up_, usual_, tenfold_;
};

}  // namespace
}  // namespace epigrid::bench

int main(int argc, char** argv) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  epigrid::bench::Flags flags;
  flags.bin = std::filesystem::path(self).parent_path();
  std::string echo;
  CLI::App app("What ten times the load does to who comes first.");
  app.add_option("--bin", flags.bin, "Directory of epigrid-dev; default: this program's");
  app.add_option("--seconds", flags.seconds, "Of one round")->capture_default_str();
  app.add_option("--rounds", flags.rounds, "Of each load")->capture_default_str();
  app.add_option("--gates", flags.gates, "Gate checks a second")->capture_default_str();
  app.add_option("--cases", flags.cases, "Case reports a second")->capture_default_str();
  app.add_option("--residents", flags.residents, "Residents' calls a second")
      ->capture_default_str();
  app.add_option("--imports", flags.imports, "Batches of 200 check-ins a second")
      ->capture_default_str();
  app.add_option("--load", flags.load, "Only make load on this address")->group("");
  app.add_option("--first-number", flags.first_number, "Of what the load sends")->group("");
  app.add_option("--report", flags.report, "Where the load says what became of it")->group("");
  app.add_option("--echo", echo, "Only serve the echo on this address")->group("");
  CLI11_PARSE(app, argc, argv);
  epigrid::SwitchOffLockCycleSearch();
  if (!echo.empty()) return epigrid::bench::ServeEcho(echo);
  if (!flags.load.empty()) {
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + epigrid::bench::kLoadNice);
    return epigrid::bench::MakeLoad(flags);
  }
  return epigrid::bench::Bench(flags, self).Run();
}
