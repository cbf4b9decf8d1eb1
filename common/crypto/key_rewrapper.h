// KeyRewrapper: ends a rotation of the master keys: has every person's key that an older master key
// wraps wrapped by the newest, so that the older ones may leave the file.
//
//   KeyRewrapper rewrapper(store, loop, {.on_progress = ..., .on_failure = ...});
//   Task<void> work = rewrapper.Run();
//   work.Start();                                // destroy it on the loop's thread to stop
//
// It counts at once and after each interval, and rewraps what it counted an interval later: by then
// every instance must have the new file, or it could not read what is rewrapped. What is done is
// done, so that after a crash or a failure the next round does what is left. Several instances may
// do it, and that is harmless. The store's compaction takes the old wrappings off the disk.
//
// Threads: the store's loop.
#pragma once

#include <functional>

#include "common/base/scheduler.h"
#include "common/base/task.h"
#include "common/crypto/key_store.h"

namespace epigrid {

struct KeyRewrapperOptions {
  Duration interval = std::chrono::hours(1);
  // Between two pages of some hundred keys, so that the log's Redis has time for the log.
  Duration pause = std::chrono::milliseconds(5);
  // After each count, some thousand keys rewrapped and each round: how many were, in this round,
  // and about how many are left that the newest master key does not wrap.
  std::function<void(size_t rewrapped, size_t outdated)> on_progress;
  // Told of every round that failed; the next follows after the interval.
  std::function<void(const Status&)> on_failure;
};

class KeyRewrapper {
 public:
  // Both outlive it.
  KeyRewrapper(DurableKeyStore& store, Scheduler& scheduler, KeyRewrapperOptions options);

  // For ever.
  Task<void> Run();
  // How many keys the newest master key does not wrap.
  Task<Result<size_t>> Count();
  // Rewraps them, `outdated` being about how many; answers how many were rewrapped. The errors of
  // DurableKeyStore, MASTER_KEY_UNKNOWN among them: the file has lost a key that is still needed,
  // or is older than that of the instance which wrapped.
  Task<Result<size_t>> Rewrap(size_t outdated);

 private:
  Task<Status> Round();

  DurableKeyStore& store_;
  Scheduler& scheduler_;
  const KeyRewrapperOptions options_;
  size_t outdated_ = 0;  // as counted last
};

}  // namespace epigrid
