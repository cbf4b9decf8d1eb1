// Rebuild: builds a shard's view anew beside the live one, compares the two, and lets queries read
// the new one.
//
//   fold generation g+1 mute from the log's start, never beyond what the live one has applied
//   ─▶ pause the live projector ─▶ fold the rest ─▶ compare digests at the same offset
//   ─▶ equal: SetLive(g+1), and drop g after a while
//      different: keep g, drop g+1, alert
//
// It goes on from where an earlier one was interrupted, be it by another owner. One that was begun
// five times and never ended, because the process died, is given up like one that differs: a record
// that the live fold survived may kill this one. An owner that loses the shard alive takes back
// what it had counted.
//
// Life cycle: Start; `ended` (from Scheduler::Post) says what came of it: OK (switched), ABORTED
// REBUILD_DIFFERS or REBUILD_KILLS, or an error of log or view after which it is tried again. After
// `ended` the host begins the live projector again. Threads: the scheduler's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/projector/shard_builder.h"
#include "common/projector/shard_projector.h"

namespace epigrid {

// A rebuild during which so many processes died is given up (REBUILD_KILLS).
inline constexpr uint32_t kRebuildDeathsMax = 5;

// How the rebuild sees the live projector. The host outlives the rebuild.
class RebuiltShard {
 public:
  virtual ~RebuiltShard() = default;
  // What the live projector has committed; nullopt while there is none.
  virtual std::optional<ShardMeta> LiveCommitted() const = 0;
  // Ends the live projector after its batch; it stays ended until the rebuild has.
  virtual void PauseLive() = 0;
  virtual bool LivePaused() const = 0;
};

class Rebuild {
 public:
  // `dependencies.producer` is not used. `requested_at` is the offset of the request that is
  // served. options.own_attempt: attempt() of an earlier one that this process abandoned alive.
  Rebuild(ShardProjectorDependencies dependencies, ShardProjectorOptions options, Generation live,
          Offset requested_at, RebuiltShard* shard, std::function<void(Status)> ended);
  ~Rebuild();
  Rebuild(const Rebuild&) = delete;

  void Start();

  // The generation that was live when it began.
  Generation replaces() const { return live_; }
  Generation generation() const { return generation_; }
  // How often this request was begun and not ended, this time included; offset is requested_at.
  Attempt attempt() const { return attempt_; }
  Offset applied() const { return builder_ == nullptr ? 0 : builder_->committed().applied; }

 private:
  TopicShard inbox() const;
  Task<void> Main();
  Task<Status> Life();
  Task<Status> Begin();
  Task<Status> BeginAttempt(const std::map<std::string, std::string>& metadata);
  // The live view stays; the log learns that this generation is to go and the request was served.
  Task<Status> KeepLive(Status why);
  // Folds up to `limit`; `*reached` once it is there.
  Task<Status> Advance(Offset limit, bool* reached);
  // Notes in the shard's log metadata that this request did so.
  Task<Status> Put(std::string field);
  Task<Status> Switch(const ShardMeta& live);

  const ShardProjectorDependencies dependencies_;
  ShardProjectorOptions options_;
  const Generation live_;
  const Offset requested_at_;
  RebuiltShard* const shard_;
  const std::function<void(Status)> ended_;
  Generation generation_ = 0;
  Attempt attempt_;
  std::unique_ptr<ShardBuilder> builder_;
  std::shared_ptr<Rebuild*> self_;  // empties when it is destroyed
  Task<void> main_;                 // last: its frame refers to all of the above
};

}  // namespace epigrid
