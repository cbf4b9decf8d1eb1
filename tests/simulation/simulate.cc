// simulate: runs seeds of the simulation, each in a process of its own.
//
//   simulate --seeds 200 --first 1            N passed, M failed
//   simulate --seeds 1 --first 4711 --trace   one of them, with what happens
//   simulate --seeds 50 --break mark --expect-failure
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>

#include "common/log/log.h"
#include "tests/simulation/breaks.h"
#include "tests/simulation/scenario.h"

namespace {

struct Options {
  uint64_t seeds = 200;
  uint64_t first = 1;
  uint32_t jobs = 1;
  std::string scenario = "city";
  std::string broken;
  bool trace = false;
  bool verbose = false;
  bool expect_failure = false;
  bool log = false;
};

// In the child process: runs the seed and says how it went.
int RunSeed(const Options& options, uint64_t seed) {
  epigrid::WorldOptions world;
  world.seed = seed;
  world.broken = options.broken;
  world.trace = options.trace;
  const auto scenario = options.scenario == "city" ? epigrid::MakeCityScenario(world)
                                                   : epigrid::MakeCountingScenario();
  const epigrid::RunResult result = RunScenario(*scenario, world);
  if (options.verbose) std::printf("seed %lu: %s\n", seed, result.summary.c_str());
  constexpr size_t kShown = 8;
  for (size_t i = 0; i < result.problems.size() && i < kShown; ++i) {
    std::printf("seed %lu: %s\n", seed, result.problems[i].c_str());
  }
  if (result.problems.size() > kShown) {
    std::printf("seed %lu: and %zu more\n", seed, result.problems.size() - kShown);
  }
  return result.problems.empty() ? 0 : 1;
}

class Runner {
 public:
  explicit Runner(Options options) : options_(std::move(options)) {}

  int Run() {
    const uint64_t end = options_.first + options_.seeds;
    for (uint64_t seed = options_.first; seed < end && !Enough(); ++seed) {
      if (running_.size() == options_.jobs) AwaitOne();
      Begin(seed);
    }
    while (!running_.empty()) AwaitOne();
    std::printf("%lu passed, %lu failed\n", passed_, failed_);
    return (failed_ > 0) != options_.expect_failure ? 1 : 0;
  }

 private:
  bool Enough() const { return options_.expect_failure && failed_ > 0; }

  void Begin(uint64_t seed) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child < 0) {
      std::perror("simulate: fork");
      std::exit(2);
    }
    if (child == 0) {
      const int code = RunSeed(options_, seed);
      std::fflush(nullptr);
      _exit(code);  // what a crash left behind is no leak
    }
    running_[child] = seed;
  }

  void AwaitOne() {
    int status = 0;
    const pid_t child = wait(&status);
    auto found = running_.find(child);
    if (found == running_.end()) return;
    const uint64_t seed = found->second;
    running_.erase(found);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      ++passed_;
      return;
    }
    ++failed_;
    if (!WIFEXITED(status)) std::printf("seed %lu: ended by signal %d\n", seed, WTERMSIG(status));
    std::printf(
        "seed %lu: to see it again: simulate --scenario %s --seeds 1 --first %lu%s%s --trace\n",
        seed, options_.scenario.c_str(), seed, options_.broken.empty() ? "" : " --break ",
        options_.broken.c_str());
  }

  const Options options_;
  std::map<pid_t, uint64_t> running_;
  uint64_t passed_ = 0;
  uint64_t failed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Runs seeded schedules of faults over the production code of the services."};
  app.add_option("--seeds", options.seeds, "how many")->capture_default_str();
  app.add_option("--first", options.first, "the first seed")->capture_default_str();
  app.add_option("--jobs", options.jobs, "so many at once")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--scenario", options.scenario, "city or counting")
      ->check(CLI::IsMember({"city", "counting"}))
      ->capture_default_str();
  std::string rules;
  std::vector<std::string> names;
  for (const epigrid::Break& each : epigrid::AllBreaks()) {
    names.emplace_back(each.rule);
    rules += std::string("\n  ").append(each.rule).append(": ").append(each.what);
  }
  app.add_option("--break", options.broken, "breaks a rule of the design:" + rules)
      ->check(CLI::IsMember(names));
  app.add_flag("--trace", options.trace, "says what happens");
  app.add_flag("--log", options.log, "lets the code under test log");
  app.add_flag("--verbose", options.verbose, "says how much happened");
  app.add_flag("--expect-failure", options.expect_failure,
               "succeeds as soon as a seed fails: with --break");
  CLI11_PARSE(app, argc, argv);
  if (!options.log)
    epigrid::StartLogging({.service = "simulation", .level = epigrid::LogLevel::kOff});
  return Runner(options).Run();
}
