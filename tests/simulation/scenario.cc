#include "tests/simulation/scenario.h"

#include <fmt/format.h>

#include "tests/simulation/checks.h"

namespace epigrid {

RunResult RunScenario(Scenario& scenario, WorldOptions options) {
  World world(std::move(options), scenario.Services());
  scenario.Prepare(world);
  world.RunChaos(scenario.Actions(world), [&] { scenario.Act(world); });
  do {
    if (!world.ComeToRest()) break;
    CheckWorld(world);
    scenario.Check(world);
  } while (world.problems().empty() && scenario.GoOn(world));

  RunResult result;
  result.problems = world.problems();
  result.steps = world.scheduler().steps();
  result.ended = world.scheduler().Now();
  result.summary =
      fmt::format("{} commands, {} sent again, {} events", world.client().acknowledged().size(),
                  world.client().resent(), result.steps);
  for (const auto& service : world.services()) {
    result.summary += fmt::format("; {}: {} batches", service->name(), service->commits().size());
    for (const auto& [what, count] : service->counts()) {
      result.summary += fmt::format(" {} {}", count, what);
    }
  }
  return result;
}

}  // namespace epigrid
