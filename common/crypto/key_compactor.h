// KeyCompactor: has Redis rewrite its append-only file after keys were erased or wrapped anew,
// since what was there before stands there still until then. They are gathered: one rewrite for all
// of an interval. What is owed is counted in Redis itself, so that a crash forgets nothing; several
// instances may do it, and that is harmless.
//
//   KeyCompactor compactor(redis, loop, {.name = "identity"});
//   Task<void> work = compactor.Run();
//   work.Start();                                // destroy it on the loop's thread to stop
//
// Threads: the client's loop.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/base/scheduler.h"
#include "common/base/task.h"
#include "common/redis/client.h"

namespace epigrid {

struct KeyCompactorOptions {
  std::string name = "identity";  // as in RedisKeyStoreOptions
  Duration interval = std::chrono::minutes(1);
  Duration deadline = std::chrono::seconds(2);  // of one call to Redis
  // Told of every Compact of Run that failed; the next follows after the interval.
  std::function<void(const Status&)> on_failure;
};

class KeyCompactor {
 public:
  KeyCompactor(RedisClient& redis, Scheduler& scheduler, KeyCompactorOptions options);

  // Compacts after each interval, for ever.
  Task<void> Run();

  // Rewrites the file if erasures are owed, and waits until that is done; answers whether any were.
  // UNAVAILABLE KEY_STORE_UNAVAILABLE, or KEY_COMPACTION_FAILED when Redis could not write the
  // file.
  Task<Result<bool>> Compact();

 private:
  Task<Result<Reply>> Call(std::vector<std::string> command);
  // Erasures counted, if more than those already done.
  Task<Result<std::optional<std::string>>> Owed();
  // Fields of INFO persistence that tell how the rewriting goes.
  struct Progress {
    bool enabled = false;
    bool busy = false;
    bool succeeded = false;
  };
  Task<Result<Progress>> ReadProgress();
  Task<Result<Progress>> WaitUntilIdle();

  RedisClient& redis_;
  Scheduler& scheduler_;
  const KeyCompactorOptions options_;
  const std::string counters_;
};

}  // namespace epigrid
