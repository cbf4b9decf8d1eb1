// system_bench: the whole system under load, each figure beside a baseline of the same run.
//
//   system_bench [--only codes,check-ins,messages] [--log redis|kafka] [--channel webhook|file]
//                [--bin DIR] [--seconds N] [--rounds N] [--contacts N]
//
// codes: how fast codes are read, beside an echo (code_reads.h). check-ins: how many are
// acknowledged and folded (check_ins.h). messages: from a test to its last message (outbreaks.h);
// takes check-ins with it.
//
// Everything runs on this machine: the log (a Redis with appendfsync always, or one Kafka broker
// with replication factor 1), the views' Redis, epigrid-dev, the echo, and the load. Rounds
// alternate between the measured and its baseline; medians are printed, as one table; every row
// also on standard error as soon as it is there.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <set>

#include "common/app/libraries.h"
#include "common/base/ids.h"
#include "tests/bench/system/check_ins.h"
#include "tests/bench/system/code_reads.h"
#include "tests/bench/system/measurement.h"
#include "tests/bench/system/outbreaks.h"
#include "tests/bench/system/table.h"
#include "tests/bench/system/world.h"

namespace epigrid::bench {
namespace {

constexpr char kCodes[] = "codes";
constexpr char kCheckIns[] = "check-ins";
constexpr char kMessages[] = "messages";

constexpr size_t kPeople = 20'000;

struct Flags {
  std::set<std::string> only = {kCodes, kCheckIns, kMessages};
  WorldOptions world;
  int seconds = 3;
  int rounds = 5;
  int contacts = 1000;
  double beside = 0.5;
};

Table Measure(const Flags& flags) {
  std::vector<std::string> people;
  for (size_t i = 0; i < kPeople; ++i) {
    people.push_back(DeriveId(kPersonId, {"bench", std::to_string(i)}));
  }
  Table table;
  World world(flags.world);
  const Measurement measurement{.world = world,
                                .people = people,
                                .round = std::chrono::seconds(flags.seconds),
                                .rounds = flags.rounds,
                                .table = table};
  if (flags.only.contains(kCodes)) {
    CodeReads reads(measurement);
    reads.Prepare();
    reads.Measure();
  }
  if (flags.only.contains(kCheckIns) || flags.only.contains(kMessages)) {
    CheckIns check_ins(measurement);
    check_ins.Measure();
    if (flags.only.contains(kMessages)) {
      Outbreaks(measurement, check_ins, flags.contacts, flags.beside).Measure();
    }
  }
  return table;
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace epigrid::bench

int main(int argc, char** argv) {
  using epigrid::bench::kCheckIns, epigrid::bench::kCodes, epigrid::bench::kMessages;
  epigrid::bench::Flags flags;
  flags.world.own_program = std::filesystem::read_symlink("/proc/self/exe");
  flags.world.bin = flags.world.own_program.parent_path();
  std::string echo;
  CLI::App app("The whole system under load, each figure beside a baseline of the same run.");
  app.add_option("--only", flags.only, "What to measure: codes, check-ins, messages; default: all")
      ->delimiter(',')
      ->check(CLI::IsMember({kCodes, kCheckIns, kMessages}));
  app.add_option("--log", flags.world.log, "redis, or kafka: one broker, replication factor 1")
      ->check(CLI::IsMember({"redis", "kafka"}))
      ->capture_default_str();
  app.add_option("--channel", flags.world.channel, "Where messages go: webhook or file")
      ->check(CLI::IsMember({"webhook", "file"}))
      ->capture_default_str();
  app.add_option("--bin", flags.world.bin, "Directory of epigrid-dev; default: this program's");
  app.add_option("--seconds", flags.seconds, "Of one round")->capture_default_str();
  app.add_option("--rounds", flags.rounds, "Of each figure")->capture_default_str();
  app.add_option("--contacts", flags.contacts, "Of one case; a crowd has numbers of five digits")
      ->check(CLI::Range(1, 99'999))
      ->capture_default_str();
  app.add_option("--beside", flags.beside,
                 "Share of the check-ins folded as they come, that come in beside a case")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--echo", echo, "Only serve the echo on this address")->group("");
  CLI11_PARSE(app, argc, argv);
  epigrid::SwitchOffLockCycleSearch();  // for load and echo too: both sides without it
  if (!echo.empty()) return epigrid::bench::ServeEcho(echo);
  std::fputs(epigrid::bench::Measure(flags).ToString().c_str(), stdout);
  return 0;
}
