// Scenario: which services a world has, what its partners do, and what must hold in the end besides
// what holds of every world (checks.h).
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tests/simulation/world.h"

namespace epigrid {

class Scenario {
 public:
  virtual ~Scenario() = default;
  virtual std::vector<ServiceSpec> Services() = 0;
  // Before anything happens: adds actors, draws what is to be done.
  virtual void Prepare(World& /*world*/) {}
  // How often Act is called in a run.
  virtual size_t Actions(World& world) = 0;
  virtual void Act(World& world) = 0;
  // At rest: adds what does not hold to the world's problems.
  virtual void Check(World& world) = 0;
  // After Check: whether the world is to run on (time may have been moved) and to be checked again.
  virtual bool GoOn(World& /*world*/) { return false; }
};

// Two small services whose effects are not idempotent (tests/fakes/counting_fold.h).
std::unique_ptr<Scenario> MakeCountingScenario();

// The city: identity, contact tracing, health code and notification with its sender.
std::unique_ptr<Scenario> MakeCityScenario(const WorldOptions& options);

struct RunResult {
  std::vector<std::string> problems;  // none: the seed passed
  uint64_t steps = 0;
  Time ended;
  std::string summary;  // of what happened
};

// One run from a seed.
RunResult RunScenario(Scenario& scenario, WorldOptions options);

}  // namespace epigrid
