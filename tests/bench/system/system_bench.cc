// system_bench: the whole system under load, each figure beside a baseline of the same run.
//
//   system_bench [--only codes,check-ins,messages] [--bin DIR] [--seconds N] [--rounds N] [--contacts N]
//
// codes: how fast codes are read, beside an echo (code_reads.h). check-ins: how many are
// acknowledged, and folded as they come. messages: from a test to its last message, while check-ins
// come in at half the rate just found; takes check-ins with it.
//
// Everything runs on this machine: two Redis processes (the log with appendfsync always),
// epigrid-dev, the echo, and the load. Rounds alternate between the measured and its baseline;
// medians are printed, as one table; every row also on standard error as soon as it is there.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <thread>

#include "common/app/libraries.h"
#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "epigrid/contact_tracing/v1/contact_tracing.grpc.pb.h"
#include "tests/bench/system/closed_loop.h"
#include "tests/bench/system/code_reads.h"
#include "tests/bench/system/slot.h"
#include "tests/bench/system/table.h"
#include "tests/bench/system/world.h"

namespace epigrid::bench {
namespace {

namespace ct = contact_tracing::v1;
using std::chrono::seconds;

constexpr char kCodes[] = "codes";
constexpr char kCheckIns[] = "check-ins";
constexpr char kMessages[] = "messages";

struct Flags {
  std::filesystem::path bin;
  std::set<std::string> only = {kCodes, kCheckIns, kMessages};
  int seconds = 3;
  int rounds = 5;
  int contacts = 1000;
};

constexpr size_t kPeople = 20'000;
constexpr size_t kSettings = 2'000;
constexpr size_t kCheckInsPerCall = 1'000;

std::string PersonId(size_t i) { return DeriveId(kPersonId, {"bench", std::to_string(i)}); }
std::string SettingId(size_t i) { return DeriveId(kSettingId, {"bench", std::to_string(i)}); }

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Bench {
 public:
  Bench(const Flags& flags, World& world) : flags_(flags), world_(world) {
    for (size_t i = 0; i < kPeople; ++i) people_.push_back(PersonId(i));
    for (size_t i = 0; i < kSettings; ++i) settings_.push_back(SettingId(i));
  }

  Table Run() {
    Measure();
    return std::move(table_);
  }

 private:
  void Measure() {
    if (flags_.only.contains(kCodes)) {
      CodeReads reads(world_, people_, {.round = round(), .rounds = flags_.rounds}, table_);
      reads.Prepare();
      reads.Measure();
    }
    if (!flags_.only.contains(kCheckIns) && !flags_.only.contains(kMessages)) return;
    PrepareSettings();
    MeasureCheckIns();
    if (flags_.only.contains(kMessages)) MeasureMessages();
  }

  Duration round() const { return seconds(flags_.seconds); }

  void AwaitQuiet() {
    const Status status =
        world_.backend().AwaitQuiet(std::chrono::minutes(5), std::chrono::minutes(2));
    EPIGRID_CHECK(status.ok(), status.ToString());
  }

  void PrepareSettings() {
    const auto stub = ct::ContactTracingService::NewStub(world_.Channels(1).front());
    for (size_t begin = 0; begin < kSettings; begin += 1000) {
      ct::BatchUpdateSettingsRequest request;
      for (size_t i = begin; i < begin + 1000; ++i) {
        ct::Setting& setting = *request.add_settings();
        setting.set_setting_id(settings_[i]);
        setting.set_category(ct::SETTING_CATEGORY_SHOP);
      }
      grpc::ClientContext context;
      ct::BatchUpdateSettingsResponse response;
      EPIGRID_CHECK(stub->BatchUpdateSettings(&context, request, &response).ok(),
                    "the bench's settings are good");
    }
  }

  // The number-th batch of check-ins: no two are alike, spread over people, places and the last
  // days.
  void FillCheckIns(uint64_t number, Time now, ct::BatchRecordPresencesRequest& request) {
    request.clear_observations();
    for (size_t k = 0; k < kCheckInsPerCall; ++k) {
      const uint64_t unique = number * kCheckInsPerCall + k;
      ct::PresenceObservation& observation = *request.add_observations();
      observation.set_source("bench");
      observation.set_source_id(std::to_string(unique));
      observation.set_person_id(people_[unique % kPeople]);
      ct::CheckIn& check_in = *observation.mutable_check_in();
      check_in.set_setting_id(settings_[unique * 31 % kSettings]);
      *check_in.mutable_start_time() = ToProto(now - std::chrono::minutes(5) - AgoOf(unique));
    }
  }

  // Of a person's check-ins one follows on the other after three hours, so that it has as many a
  // day as people have; after ten days' worth of them come those that lie between.
  static Duration AgoOf(uint64_t unique) {
    constexpr std::chrono::minutes kApart(173), kDays(10 * 24 * 60);
    const auto ago = static_cast<int64_t>(unique / kPeople) * kApart;
    return ago % kDays + ago / kDays * std::chrono::minutes(11);
  }

  LoadResult LoadCheckIns(Duration duration, double pause_seconds_per_call) {
    const auto channels = world_.Channels(2);
    std::vector<std::unique_ptr<ct::ContactTracingService::Stub>> stubs;
    for (const auto& channel : channels) {
      stubs.push_back(ct::ContactTracingService::NewStub(channel));
    }
    std::vector<Slot<ct::BatchRecordPresencesRequest, ct::BatchRecordPresencesResponse>> slots(8);
    const Time now = SystemClock().Now();
    if (pause_seconds_per_call == 0) {
      return RunClosedLoop({.in_flight = 4, .duration = duration}, channels.size(),
                           [&](size_t channel, size_t slot, uint64_t, CallDone done) {
                             IssueCheckIns(*stubs[channel], slots[slot], now, std::move(done));
                           });
    }
    // Paced: one call at a time, each begun when it is due.
    const auto begin = std::chrono::steady_clock::now();
    LoadResult result;
    while (std::chrono::steady_clock::now() - begin < duration) {
      std::this_thread::sleep_until(
          begin + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                      std::chrono::duration<double>(pause_seconds_per_call *
                                                    static_cast<double>(result.calls))));
      std::atomic<int> state{0};
      IssueCheckIns(*stubs[result.calls % 2], slots[0], now, [&](bool ok, size_t) {
        state = ok ? 1 : 2;
        state.notify_one();
      });
      state.wait(0);
      EPIGRID_CHECK(state == 1, "no call fails");
      ++result.calls;
      result.items += kCheckInsPerCall;
    }
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return result;
  }

  template <typename S>
  void IssueCheckIns(ct::ContactTracingService::Stub& stub, S& slot, Time now, CallDone done) {
    FillCheckIns(batches_.fetch_add(1), now, slot.request);
    using Async = ct::ContactTracingService::StubInterface::async_interface;
    Issue<Async>(*stub.async(), &Async::BatchRecordPresences, slot, kCheckInsPerCall,
                 std::move(done));
  }

  // What a check-in costs from the call to both folds; other work on the machine changes it less
  // than the rates.
  template <typename Work>
  void TellCpuOf(Work work) {
    const auto used = [this] {
      return std::array{world_.epigrid_cpu_seconds(), world_.log_cpu_seconds(),
                        world_.view_cpu_seconds()};
    };
    const auto before = used();
    const size_t check_ins = work();
    auto micros = used();
    for (size_t i = 0; i < micros.size(); ++i) {
      micros[i] = (micros[i] - before[i]) * 1e6 / static_cast<double>(check_ins);
    }
    table_.Add(
        {"CPU time of a check-in, from the call to both folds",
         fmt::format("{:.1f} us in epigrid-dev, {:.1f} in the log's Redis, {:.1f} in the view's",
                     micros[0], micros[1], micros[2]),
         "", ""});
  }

  void MeasureCheckIns() {
    TellCpuOf([this] { return MeasureBurst(); });
    MeasureSustained();
  }

  // As fast as they are taken in; then until all are folded. How many there were.
  size_t MeasureBurst() {
    const auto begin = std::chrono::steady_clock::now();
    const LoadResult burst = LoadCheckIns(round() * 3, 0);
    AwaitQuiet();
    const double until_quiet =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    table_.Add({fmt::format("check-ins in batches of {}, log synced before every answer",
                            kCheckInsPerCall),
                fmt::format("{:.0f} acknowledged/s, p99 {:.0f} ms, {} refused",
                            burst.items_per_second(), burst.Percentile(0.99) * 1e3, burst.failed),
                "", "50,000/s"});
    sustained_ = 0.9 * static_cast<double>(burst.items) / until_quiet;
    return burst.items;
  }

  void MeasureSustained() {
    std::vector<double> ages;
    std::thread load([&] {
      paced_ = LoadCheckIns(round() * 4, kCheckInsPerCall / sustained_).items_per_second();
    });
    for (int i = 0; i < 8; ++i) {
      std::this_thread::sleep_for(round() / 2);
      ages.push_back(world_.backend().GetBehind().value().event_age_seconds);
    }
    load.join();
    AwaitQuiet();
    table_.Add({"check-ins folded as they come, both shards",
                fmt::format("{:.0f}/s, event age {:.1f} s half way, {:.1f} s at the end", paced_,
                            ages[3], ages.back()),
                "", "event age does not grow"});
  }

  // A place where everybody was at the same time, and one of them is tested positive.
  void MeasureMessages() {
    std::atomic<bool> stop{false};
    std::thread background([&] {
      while (!stop) LoadCheckIns(seconds(1), 2 * kCheckInsPerCall / sustained_);
    });
    std::vector<double> last, all;
    size_t messages = 0;
    for (int i = 0; i < flags_.rounds; ++i) MeasureOutbreak(i, last, all, messages);
    stop = true;
    background.join();
    std::sort(all.begin(), all.end());
    table_.Add(
        {fmt::format("test to message, {} contacts, while {:.0f} check-ins/s come in",
                     flags_.contacts, sustained_ / 2),
         fmt::format("p50 {:.0f} ms, p99 {:.0f} ms, last {:.0f} ms (median of {}), {} messages",
                     all[all.size() / 2] * 1e3, all[all.size() * 99 / 100] * 1e3,
                     Median(last) * 1e3, flags_.rounds, messages),
         "", "p99 1,000 ms"});
  }

  void MeasureOutbreak(int number, std::vector<double>& last, std::vector<double>& all,
                       size_t& messages) {
    const std::vector<std::string> crowd =
        world_.backend().RegisterCrowd(fmt::format("{}", number), flags_.contacts + 1).value();
    const std::string setting = DeriveId(kSettingId, {"crowd", std::to_string(number)});
    const Status gathered = world_.backend().Gather(
        setting, crowd, SystemClock().Now() - std::chrono::hours(30), fmt::format("{}", number));
    EPIGRID_CHECK(gathered.ok(), gathered.ToString());
    const Time begin = SystemClock().Now();
    const Time sampled = begin - std::chrono::hours(6);
    const auto told = world_.backend().RecordTest(crowd.front(), fmt::format("crowd-{}", number),
                                                  sampled, sampled, false);
    EPIGRID_CHECK(told.ok(), told.status().ToString());
    std::vector<demo::Arrival> arrivals;
    const auto give_up = std::chrono::steady_clock::now() + seconds(30);
    while (arrivals.size() < crowd.size() && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      arrivals = world_.receiver().Since(begin);
    }
    EPIGRID_CHECK(arrivals.size() >= crowd.size(), "everybody of the crowd is told within 30 s");
    messages += arrivals.size();
    for (const demo::Arrival& arrival : arrivals) {
      all.push_back(std::chrono::duration<double>(arrival.at - begin).count());
    }
    last.push_back(all.back());
  }

  const Flags& flags_;
  World& world_;
  std::vector<std::string> people_;
  std::vector<std::string> settings_;
  std::atomic<uint64_t> batches_{0};
  double sustained_ = 0;
  double paced_ = 0;
  Table table_;
};

}  // namespace
}  // namespace epigrid::bench

int main(int argc, char** argv) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  epigrid::bench::Flags flags;
  flags.bin = std::filesystem::path(self).parent_path();
  std::string echo;
  CLI::App app("The whole system under load, each figure beside a baseline of the same run.");
  app.add_option("--only", flags.only, "What to measure: codes, check-ins, messages; default: all")
      ->delimiter(',')
      ->check(CLI::IsMember(
          {epigrid::bench::kCodes, epigrid::bench::kCheckIns, epigrid::bench::kMessages}));
  app.add_option("--bin", flags.bin, "Directory of epigrid-dev; default: this program's");
  app.add_option("--seconds", flags.seconds, "Of one round")->capture_default_str();
  app.add_option("--rounds", flags.rounds, "Of each figure")->capture_default_str();
  app.add_option("--contacts", flags.contacts, "Of one case")->capture_default_str();
  app.add_option("--echo", echo, "Only serve the echo on this address")->group("");
  CLI11_PARSE(app, argc, argv);
  epigrid::SwitchOffLockCycleSearch();  // for load and echo too: both sides without it
  if (!echo.empty()) return epigrid::bench::ServeEcho(echo);
  epigrid::bench::World world(flags.bin, self);
  const epigrid::bench::Table table = epigrid::bench::Bench(flags, world).Run();
  std::fputs(table.ToString().c_str(), stdout);
  return 0;
}
