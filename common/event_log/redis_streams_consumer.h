// The consumer of RedisStreamsLog: one blocking XREAD over all shards that are assigned and not
// paused.
//
// A block lasts at most 100 ms; a shard that is assigned or resumed meanwhile ends it at once
// (CLIENT UNBLOCK). What a read brings for a shard that was reassigned or paused meanwhile is
// dropped: the shard's position moves only with what Poll answers.
//
// XREAD skips what is trimmed without a word, so that a shard's stream is looked at when it is
// assigned, again after the connection was lost, and whenever a record does not follow on the one
// before it.
//
// Threads: as Consumer says; it may be destroyed on any thread, also with a Poll under way.
#pragma once

#include <memory>

#include "common/event_log/redis_streams_core.h"

namespace epigrid {

class RedisStreamsConsumer final : public Consumer {
 public:
  explicit RedisStreamsConsumer(RedisStreamsCore& core);
  ~RedisStreamsConsumer() override;

  void Assign(const TopicShard& from, Offset after) override;
  void Unassign(const TopicShard& from) override;
  void SetPaused(const TopicShard& from, bool paused) override;
  Future<Result<std::vector<Polled>>> Poll(Duration wait) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
