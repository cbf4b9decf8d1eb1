// Audit: folds one shard aside, in memory and mute, compares it with the live view, keeps the
// result as the next snapshot, and cuts what nobody needs any more off the log.
//
//   newest snapshot, or the log's start ─▶ fold up to an offset that the live owner has committed
//   ─▶ compare digests ─▶ write the snapshot ─▶ compare cells ─▶ cut
//
// A difference ends it with AUDIT_DIFFERS: nothing is cut then, and if the digests differ no
// snapshot is written either. The digest is the live owner's own, of that very offset, and has
// everything in it that was written; that what was written is still there, the cells tell. They are
// read while the live owner goes on: a cell that is not as it was at that offset must be as the log
// says it was at the offset at which it was read, up to which the image is folded on. Indexes and
// timers are compared by the digest alone.
//
// What the live owner has committed it has emitted before, and the log has acknowledged it: who
// begins from such an offset loses nothing that was to be emitted. The inbox is cut up to the
// snapshot at the most, never a record younger than AuditLimits::retention, never one that is
// parked or anything after it: it is folded when it is retried. Public topics are cut by age, and
// never what a subscriber has not copied.
//
// Life cycle: Start; `ended` (from Scheduler::Post) says what came of it: OK, ABORTED
// AUDIT_DIFFERS, or why it was not done. Destroying it at any moment is safe. It holds the whole
// state of the shard. Threads: the scheduler's.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "common/projector/audit_limits.h"
#include "common/projector/memory_view.h"
#include "common/projector/shard_builder.h"
#include "common/projector/shard_projector.h"
#include "common/projector/snapshot.h"

namespace epigrid {

class Audit {
 public:
  // `dependencies.view` is the live one, `dependencies.producer` is not used; `live` is what its
  // owner committed last, `generation` where.
  Audit(ShardProjectorDependencies dependencies, ShardProjectorOptions options, AuditLimits limits,
        Generation generation, ShardMeta live, std::function<void(Status)> ended);
  ~Audit();
  Audit(const Audit&) = delete;

  void Start();

 private:
  TopicShard inbox() const { return Topic(InboxTopic(dependencies_.fold->service())); }
  TopicShard snapshots() const { return Topic(SnapshotTopic(dependencies_.fold->service())); }
  TopicShard Topic(std::string name) const { return {std::move(name), options_.shard}; }
  Task<void> Main();
  Task<Status> Life();
  // The image that the fold goes on from.
  Task<Result<ShardImage>> Begin();
  Task<Status> Fold(Offset limit);
  // Reads the live view, cell by cell, and notes what differs from the image.
  Task<Status> ReadLive();
  // What differed then must be what the log says was there when it was read.
  Task<Status> Judge();
  Status Differs(const std::string& what) const;
  Task<Status> Keep();
  Task<Status> Cut();

  const ShardProjectorDependencies dependencies_;
  ShardProjectorOptions options_;
  const AuditLimits limits_;
  const Generation generation_;
  const ShardMeta live_;
  const std::function<void(Status)> ended_;
  std::unique_ptr<MemoryView> view_;
  std::unique_ptr<ShardBuilder> builder_;
  std::unique_ptr<Producer> producer_;
  // Cells of the live view that are not those of the image, and the offset at which they were read.
  struct Suspect {
    Offset at = 0;
    CellRead read;
    CellFound live;
  };
  Offset first_parked_ = std::numeric_limits<Offset>::max();  // at the snapshot's offset
  std::vector<Suspect> suspects_;                             // in the order of their offsets
  ShardMeta live_later_;          // what the view said of itself when all was read
  std::shared_ptr<Audit*> self_;  // empties when it is destroyed
  Task<void> main_;               // last: its frame refers to all of the above
};

}  // namespace epigrid
