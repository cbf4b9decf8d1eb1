#include "common/service/shard_states.h"

#include "common/projector/emission.h"

namespace epigrid {

Task<Result<std::vector<ShardState>>> ReadShardStates(ServiceRuntime& runtime) {
  co_await runtime.loop().Sleep(Duration(0));  // the view is used on its loop
  const uint32_t shard_count = runtime.shard_count();
  std::vector<Future<Result<std::optional<Generation>>>> lives;
  for (Shard shard = 0; shard < shard_count; ++shard) lives.push_back(runtime.view().Live(shard));
  std::vector<ShardState> states(shard_count);
  for (Shard shard = 0; shard < shard_count; ++shard) {
    EPIGRID_CO_ASSIGN_OR_RETURN(states[shard].live, co_await lives[shard]);
  }

  std::vector<std::pair<Shard, Future<Result<std::optional<View::Opened>>>>> opens;
  for (Shard shard = 0; shard < shard_count; ++shard) {
    if (!states[shard].live.has_value()) continue;
    opens.emplace_back(shard, runtime.view().Open(shard, *states[shard].live));
  }
  for (auto& [shard, open] : opens) {
    EPIGRID_CO_ASSIGN_OR_RETURN(std::optional<View::Opened> opened, co_await open);
    if (opened.has_value()) {
      states[shard].meta = std::move(opened->meta);
    } else {
      states[shard].live.reset();  // lost between the two rounds
    }
  }

  // Last, so that what is behind these ends is no older than what was read of the view.
  const std::vector<TopicShard> inboxes = AllShards({InboxTopic(runtime.service())}, shard_count);
  const Result<std::vector<Offset>> ends = co_await runtime.log().Ends(inboxes);
  if (!ends.ok() && ends.status().code() != Code::kDataLoss) co_return ends.status();
  for (Shard shard = 0; shard < shard_count; ++shard) {
    if (ends.ok()) {
      states[shard].log_end = (*ends)[shard];
      continue;
    }
    const Result<Offset> end = co_await runtime.log().End(inboxes[shard]);
    if (end.ok()) {
      states[shard].log_end = *end;
    } else if (end.status().code() == Code::kDataLoss) {
      states[shard].log_problem = end.status();
    } else {
      co_return end.status();
    }
  }
  co_return states;
}

}  // namespace epigrid
