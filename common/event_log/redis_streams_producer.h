// The producer of RedisStreamsLog: group commit with one flush in flight.
//
//   Append ─▶ queue ─ everything that fits ─▶ one script call ─▶ offsets
//               ▲ what comes meanwhile waits here and is the next flush
//
// Why one flush at a time: the server refuses a flush as a whole (memory, disk), and may accept the
// one behind it. With two in flight that would be a gap, which the receivers' high-water marks
// would swallow. For the same reason a failed flush breaks the producer for good.
#pragma once

#include <memory>

#include "common/event_log/redis_streams_core.h"

namespace epigrid {

class RedisStreamsProducer final : public Producer {
 public:
  explicit RedisStreamsProducer(RedisStreamsCore& core);
  // A flush in flight goes on and answers; what is queued fails with LOG_UNAVAILABLE. From any
  // thread.
  ~RedisStreamsProducer() override;

  Future<Result<std::vector<Offset>>> Append(std::vector<NewRecord> records) override;
  bool broken() const override;

 private:
  struct State;
  static Task<void> FlushUntilEmpty(std::shared_ptr<State> state, CallToken token);
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
