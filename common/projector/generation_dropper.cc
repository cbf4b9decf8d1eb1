#include "common/projector/generation_dropper.h"

namespace epigrid {
namespace {

// How long the first of several is held, so that those of a host's other shards go with it.
constexpr Duration kGather = std::chrono::seconds(1);

}  // namespace

Future<Status> GenerationDropper::Drop(ShardGeneration which) {
  Future<Status> dropped = waiting_.emplace_back(which, Promise<Status>()).second.future();
  if (!passes_.has_value() || passes_->done()) {
    passes_ = Passes();
    passes_->Start();
  }
  return dropped;
}

Task<void> GenerationDropper::Passes() {
  while (!waiting_.empty()) {
    co_await scheduler_.Sleep(kGather);
    const auto together = std::exchange(waiting_, {});
    std::vector<ShardGeneration> generations;
    for (const auto& [which, promise] : together) generations.push_back(which);
    const Result<Done> dropped = co_await view_.Drop(std::move(generations));
    for (const auto& [which, promise] : together) promise.Set(dropped.status());
  }
}

}  // namespace epigrid
