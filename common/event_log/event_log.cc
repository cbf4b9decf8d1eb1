#include "common/event_log/event_log.h"

#include <fmt/format.h>

#include <utility>

namespace epigrid {

std::string TopicShardName(const TopicShard& of) {
  return fmt::format("{}/{}", of.topic, of.shard);
}

std::vector<TopicShard> AllShards(const std::vector<std::string>& topics, uint32_t shard_count) {
  std::vector<TopicShard> all;
  for (const std::string& topic : topics) {
    for (Shard shard = 0; shard < shard_count; ++shard) all.push_back({topic, shard});
  }
  return all;
}

Status OfShard(Status status, const TopicShard& shard) {
  return std::move(status).With("topic", shard.topic).With("shard", std::to_string(shard.shard));
}

Status LogStartMoved(const TopicShard& of, Offset start, Offset after) {
  return OfShard(
      Status(Code::kOutOfRange, "LOG_START_MOVED",
             fmt::format("{} was cut up to {}, so that what follows on {} is gone; a view that is "
                         "behind begins again from a snapshot",
                         TopicShardName(of), start, after)),
      of);
}

Status LogCutShort(const TopicShard& of, Offset end, Offset after) {
  return OfShard(
      Status(Code::kDataLoss, "LOG_CUT_SHORT",
             fmt::format("{} ends at {}, but was read up to {} before: the log lost its tail; "
                         "rebuild the view of this shard",
                         TopicShardName(of), end, after)),
      of);
}

}  // namespace epigrid
