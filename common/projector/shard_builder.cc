#include "common/projector/shard_builder.h"

namespace epigrid {
namespace {

// Records read from the log at once.
constexpr size_t kChunk = 1'000;
constexpr Duration kLookAgain = std::chrono::milliseconds(5);

ShardProjectorDependencies Mute(ShardProjectorDependencies dependencies) {
  dependencies.producer = nullptr;
  dependencies.observer = nullptr;
  return dependencies;
}

}  // namespace

ShardBuilder::ShardBuilder(ShardProjectorDependencies dependencies, ShardProjectorOptions options)
    : scheduler_(*dependencies.scheduler),
      log_(*dependencies.log),
      inbox_{InboxTopic(dependencies.fold->service()), options.shard},
      projector_(
          Mute(dependencies), options,
          ShardProjectorCallbacks{.seek =
                                      [this](Offset after) {
                                        fed_ = after;
                                        open_ = true;
                                      },
                                  .ended = [this](Status status) { ended_ = std::move(status); },
                                  .rebuild_requested = {}}) {}

Task<Status> ShardBuilder::Advance(Offset limit) {
  if (ended_.has_value()) co_return *ended_;
  if (open_ && projector_.idle() && fed_ < limit) {
    auto records = co_await log_.Read(inbox_, fed_, kChunk);
    if (!records.ok()) co_return records.status();
    std::erase_if(*records, [&](const LogRecord& record) { return record.offset > limit; });
    if (!records->empty()) {
      fed_ = records->back().offset;
      projector_.Feed(std::move(*records));
      co_return OkStatus();
    }
  }
  co_await scheduler_.Sleep(kLookAgain);
  co_return OkStatus();
}

}  // namespace epigrid
