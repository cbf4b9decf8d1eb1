// ShardSlot: one shard that a host owns: its projector, the subscriptions of its partitions, a
// rebuild if one was asked for, and generations to be dropped. Whatever ends is begun again, with
// back-off.
//
// Threads: the scheduler's. It is told every kSlotBeat that time passes, and counts time in these
// beats, so that a wall clock that jumps does not keep it waiting.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/projector/audit.h"
#include "common/projector/projector_host.h"
#include "common/projector/rebuild.h"
#include "common/projector/shard_projector.h"
#include "common/projector/subscription.h"

namespace epigrid {

inline constexpr Duration kSlotBeat = std::chrono::milliseconds(20);

// What a slot asks of its host, which outlives it.
class SlotHost {
 public:
  virtual ~SlotHost() = default;
  virtual ShardProjectorDependencies Dependencies() = 0;  // with the producer of the moment
  virtual ShardProjectorOptions ProjectorOptions(Shard shard) = 0;
  virtual void Seek(const TopicShard& from, Offset after) = 0;
  virtual void Unseek(const TopicShard& from) = 0;
  virtual bool MayRebuild() = 0;
  // Of all that wait for an audit, the one that has waited longest.
  virtual bool MayAudit(Shard shard) = 0;
  // Removes a generation from the view, in time.
  virtual Future<Status> DropGeneration(ShardGeneration which) = 0;
  // The slot has stopped and can be destroyed; called from Scheduler::Post.
  virtual void SlotStopped(Shard shard) = 0;
};

// Attempts that this process wrote and, alive, could not take back: no unclean ends, whatever the
// view and the log say.
struct OwnAttempts {
  Attempt fold;
  Attempt rebuild;
};

class ShardSlot final : public RebuiltShard {
 public:
  // `own`: of the slot that this process had for the shard before.
  ShardSlot(SlotHost& host, Shard shard, std::vector<std::string> topics,
            const ProjectorHostOptions& options, OwnAttempts own);
  ~ShardSlot() override;

  void Start();
  // Drops everything and begins again: the producer was replaced.
  void StartAgain();
  // Ends after the batch in hand; then SlotStopped, in any case within two seconds.
  void Stop();
  // Drops everything at once, as who is alive and does not own the shard any more.
  OwnAttempts Leave();
  void Beat();

  void Feed(const TopicShard& from, std::vector<LogRecord> records);
  Backlog queued(const TopicShard& from) const;
  // The log cannot be read there.
  void SourceFailed(const TopicShard& from, const Status& status);

  // Whether it is live, or stands until somebody mends it.
  bool settled() const;
  bool rebuilding() const { return rebuild_ != nullptr; }
  bool auditing() const { return audit_ != nullptr; }
  // For so many beats the shard could have been audited; 0: it is not to be, or cannot be now.
  uint64_t audit_waits() const;
  bool clock_trusted() const { return projector_ == nullptr || projector_->clock_trusted(); }
  ProjectedShard Describe(Time now) const;
  void CollectFloors(std::map<TopicShard, Offset>& floors) const;

  std::optional<ShardMeta> LiveCommitted() const override;
  void PauseLive() override;
  bool LivePaused() const override { return live_paused_; }

 private:
  struct Drop {
    Generation generation = 0;
    uint64_t at_beat = 0;
    std::optional<Task<void>> task;
  };

  void StartProjector();
  void StartSubscription(const std::string& topic);
  void DropProjector();
  void ProjectorOpened(Offset after);
  void ProjectorEnded(const Status& status);
  void SubscriptionEnded(const std::string& topic, const Status& status);
  void StartRebuild();
  void DropRebuild();
  void LeaveRebuild();
  void AbandonRebuild();
  void RebuildEnded(const Status& status);
  void PlanAudit();
  void StartAudit();
  void AuditEnded(const Status& status);
  void BeatDrops();
  Task<void> DropGeneration(Generation generation);
  uint64_t BackOff(const Status& status);
  const Status& problem() const;
  std::string_view StateName() const;

  SlotHost& host_;
  const Shard shard_;
  const TopicShard inbox_;
  const std::vector<std::string> topics_;
  const ProjectorHostOptions& options_;
  uint64_t beat_ = 1;

  std::unique_ptr<ShardProjector> projector_;
  std::optional<Time> unfolded_since_;  // while there is no projector that has opened the shard
  OwnAttempts own_;
  Status problem_;                                 // of the inbox, or of its folding
  std::map<std::string, Status> source_problems_;  // of other topics, by topic
  uint32_t failures_ = 0;
  uint64_t started_at_beat_ = 0;
  uint64_t restart_at_beat_ = 0;  // 0: not waiting for a restart
  uint64_t stop_by_beat_ = 0;     // 0: not stopping
  bool stopped_ = false;

  std::map<std::string, std::unique_ptr<Subscription>> subscriptions_;  // by topic
  std::map<std::string, uint64_t> resubscribe_at_beat_;

  Offset rebuild_requested_at_ = 0;  // 0: none is wanted
  uint64_t rebuild_at_beat_ = 0;
  std::unique_ptr<Rebuild> rebuild_;
  bool pausing_ = false;
  bool live_paused_ = false;
  std::map<Generation, Drop> drops_;

  std::unique_ptr<Audit> audit_;
  uint64_t audit_at_beat_ = 0;  // 0: not planned yet
  Time audited_;                // of the last one; unset: since when this owner has the shard
};

}  // namespace epigrid
