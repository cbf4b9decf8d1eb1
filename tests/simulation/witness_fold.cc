#include "tests/simulation/witness_fold.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace epigrid {

void WitnessFold::Saw(const std::string& what, Cells& cells) {
  const std::string* before = cells.Get(kWitnessCell);
  const uint64_t count = before == nullptr ? 0 : std::stoull(*before);
  const std::string chain = (before == nullptr ? "" : *before) + what;
  cells.Set(kWitnessCell,
            fmt::format("{} {:016x}", count + 1, XXH3_64bits(chain.data(), chain.size())));
}

void WitnessFold::Apply(const Event& event, Cells& cells, Context& context) const {
  Saw(event.SerializeAsString(), cells);
  fold_->Apply(event, cells, context);
}

void WitnessFold::FireTimer(const Timer& timer, Cells& cells, Context& context) const {
  Saw(fmt::format("timer {} at {}", timer.id, timer.due.micros), cells);
  fold_->FireTimer(timer, cells, context);
}

Task<Status> WitnessFold::Prepare(std::vector<Event*> events) const {
  for (const Event* event : events) {
    if (!dies_ || !dies_(*event)) continue;
    const Promise<Done> never;
    co_await never.future();
  }
  co_return co_await fold_->Prepare(std::move(events));
}

}  // namespace epigrid
