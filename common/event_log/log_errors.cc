#include "common/event_log/log_errors.h"

#include <fmt/format.h>

#include <utility>

namespace epigrid {

Status LogUnavailable(std::string_view detail) {
  return Unavailable("LOG_UNAVAILABLE", fmt::format("the event log does not answer: {}", detail));
}

Status AppendUnknown(std::string_view detail) {
  return Unavailable(
      "OUTCOME_UNKNOWN",
      fmt::format("the event log did not acknowledge; the records may or may not be in it: {}",
                  detail));
}

Status OfShard(Status status, const TopicShard& shard) {
  return std::move(status).With("topic", shard.topic).With("shard", std::to_string(shard.shard));
}

Status LogCutShort(const TopicShard& shard, Offset end, Offset after) {
  return OfShard(
      Status(
          Code::kDataLoss, "LOG_CUT_SHORT",
          fmt::format("{} ends at {}, but was read up to {} before: the log lost its tail; rebuild "
                      "the view of this shard",
                      TopicShardName(shard), end, after)),
      shard);
}

}  // namespace epigrid
