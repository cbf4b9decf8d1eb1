#include "common/event_log/event_log.h"

#include <fmt/format.h>

namespace epigrid {

std::string TopicShardName(const TopicShard& of) {
  return fmt::format("{}/{}", of.topic, of.shard);
}

Status LogStartMoved(const TopicShard& of, Offset start, Offset after) {
  return Status(
             Code::kOutOfRange, "LOG_START_MOVED",
             fmt::format("{} was cut up to {}, so that what follows on {} is gone; a view that is "
                         "behind begins again from a snapshot",
                         TopicShardName(of), start, after))
      .With("topic", of.topic)
      .With("shard", std::to_string(of.shard));
}

}  // namespace epigrid
