#include "common/projector/shard_slot.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace epigrid {
namespace {

constexpr uint64_t Beats(Duration duration) { return static_cast<uint64_t>(duration / kSlotBeat); }

constexpr uint64_t kStopWithin = Beats(std::chrono::milliseconds(1'800));
constexpr uint64_t kLookAtClockEvery = Beats(std::chrono::milliseconds(100));
constexpr uint64_t kBackOffMax = Beats(std::chrono::seconds(5));
// Who lived as long as this has not failed in a row.
constexpr uint64_t kLivedLong = Beats(std::chrono::seconds(5));
constexpr uint64_t kRebuildAgainAfter = Beats(std::chrono::seconds(5));
constexpr uint64_t kAuditAgainAfter = Beats(std::chrono::minutes(1));

}  // namespace

ShardSlot::ShardSlot(SlotHost& host, Shard shard, std::vector<std::string> topics,
                     const ProjectorHostOptions& options, OwnAttempts own)
    : host_(host),
      shard_(shard),
      inbox_{InboxTopic(host.Dependencies().fold->service()), shard},
      topics_(std::move(topics)),
      options_(options),
      own_(own) {}

ShardSlot::~ShardSlot() {
  host_.Unseek(inbox_);
  for (const std::string& topic : topics_) host_.Unseek({topic, shard_});
}

void ShardSlot::Start() {
  StartProjector();
  for (const std::string& topic : topics_) StartSubscription(topic);
}

void ShardSlot::StartProjector() {
  if (!unfolded_since_.has_value()) unfolded_since_ = host_.Dependencies().scheduler->Now();
  restart_at_beat_ = 0;
  started_at_beat_ = beat_;
  ShardProjectorOptions options = host_.ProjectorOptions(shard_);
  options.own_attempt = own_.fold;
  projector_ = std::make_unique<ShardProjector>(
      host_.Dependencies(), std::move(options),
      ShardProjectorCallbacks{.seek = [this](Offset after) { ProjectorOpened(after); },
                              .ended = [this](const Status& status) { ProjectorEnded(status); },
                              .rebuild_requested =
                                  [this](Offset offset) {
                                    rebuild_requested_at_ = std::max(rebuild_requested_at_, offset);
                                  }});
  projector_->Start();
}

void ShardSlot::StartSubscription(const std::string& topic) {
  resubscribe_at_beat_.erase(topic);
  const ShardProjectorDependencies dependencies = host_.Dependencies();
  auto& subscription = subscriptions_[topic];
  subscription = std::make_unique<Subscription>(
      SubscriptionDependencies{dependencies.scheduler, dependencies.log, dependencies.producer,
                               dependencies.fold},
      TopicShard{topic, shard_}, options_.shard_count,
      SubscriptionCallbacks{
          .seek =
              [this, topic](Offset after) {
                source_problems_.erase(topic);
                host_.Seek({topic, shard_}, after);
              },
          .ended = [this, topic](const Status& status) { SubscriptionEnded(topic, status); }});
  subscription->Start();
}

void ShardSlot::DropProjector() {
  if (projector_ == nullptr) return;
  // Not the death of the process: its attempt is no unclean end.
  if (projector_->attempt() != Attempt()) own_.fold = projector_->attempt();
  if (!unfolded_since_.has_value()) unfolded_since_ = host_.Dependencies().scheduler->Now();
  host_.Unseek(inbox_);
  projector_.reset();
}

void ShardSlot::StartAgain() {
  if (stop_by_beat_ != 0) {
    DropProjector();
    stop_by_beat_ = beat_;
    return;
  }
  AbandonRebuild();
  audit_.reset();
  DropProjector();
  for (const std::string& topic : topics_) host_.Unseek({topic, shard_});
  subscriptions_.clear();
  Start();
}

void ShardSlot::Stop() {
  stop_by_beat_ = beat_ + kStopWithin;
  LeaveRebuild();
  audit_.reset();
  subscriptions_.clear();
  for (const std::string& topic : topics_) host_.Unseek({topic, shard_});
  if (projector_ != nullptr && projector_->state() != ShardProjector::State::kEnded) {
    projector_->Stop();
  } else {
    stop_by_beat_ = beat_;
  }
}

OwnAttempts ShardSlot::Leave() {
  LeaveRebuild();
  audit_.reset();
  if (projector_ != nullptr && projector_->attempt() != Attempt()) {
    // For the next owner, which does not know that this one lives. Not waited for: what it may
    // overwrite is a newer attempt, so that at worst one death is not counted.
    const Attempt attempt = projector_->attempt();
    (void)host_.Dependencies().view->SetAttempt(shard_, projector_->generation(), attempt.offset,
                                                attempt.count - 1);
  }
  DropProjector();
  return own_;
}

void ShardSlot::ProjectorOpened(Offset after) {
  problem_ = OkStatus();
  unfolded_since_.reset();
  if (rebuild_ != nullptr &&
      (!projector_->live() || projector_->generation() != rebuild_->replaces())) {
    // The view was lost, and what would be replaced with it: when there is one again.
    AbandonRebuild();
  }
  if (pausing_) projector_->Stop();
  host_.Seek(inbox_, after);
  PlanAudit();
  for (Generation generation : projector_->to_drop()) {
    if (generation != projector_->generation()) {
      drops_.try_emplace(generation,
                         Drop{generation, beat_ + Beats(options_.drop_after), std::nullopt});
    }
  }
}

uint64_t ShardSlot::BackOff(const Status& status) {
  if (beat_ - started_at_beat_ >= kLivedLong) failures_ = 0;
  const uint32_t failures = failures_++;
  if (failures == 0 && status.reason() == "VIEW_MOVED") return 0;
  return std::min<uint64_t>(uint64_t{2} << std::min(failures, 10u), kBackOffMax);
}

void ShardSlot::ProjectorEnded(const Status& status) {
  if (stop_by_beat_ != 0) {
    stop_by_beat_ = beat_;
    return;
  }
  if (pausing_ && status.ok()) {
    live_paused_ = true;
    host_.Unseek(inbox_);
    return;
  }
  if (ProjectorObserver* observer = host_.Dependencies().observer) {
    observer->OnRestart(shard_, status);
    if (status.code() == Code::kFailedPrecondition && problem_ != status) {
      observer->OnAlert(ProjectorAlert::kShardStopped, shard_, status.message());
    }
  }
  problem_ = status.reason() == "VIEW_MOVED" ? OkStatus() : status;
  DropProjector();
  restart_at_beat_ = beat_ + 1 + BackOff(status);
}

void ShardSlot::SubscriptionEnded(const std::string& topic, const Status& status) {
  host_.Unseek({topic, shard_});
  subscriptions_.erase(topic);
  resubscribe_at_beat_[topic] = beat_ + BackOff(status);
}

void ShardSlot::SourceFailed(const TopicShard& from, const Status& status) {
  if (ProjectorObserver* observer = host_.Dependencies().observer) {
    observer->OnAlert(ProjectorAlert::kShardStopped, shard_, status.message());
  }
  if (from == inbox_) {
    problem_ = status;
    DropProjector();
    restart_at_beat_ = beat_ + kBackOffMax;
  } else {
    source_problems_[from.topic] = status;
    subscriptions_.erase(from.topic);
    resubscribe_at_beat_[from.topic] = beat_ + kBackOffMax;
  }
}

void ShardSlot::Feed(const TopicShard& from, std::vector<LogRecord> records) {
  auto subscription = subscriptions_.find(from.topic);
  if (subscription != subscriptions_.end()) {
    subscription->second->Feed(std::move(records));
  } else if (projector_ != nullptr && from == inbox_) {
    projector_->Feed(std::move(records));
  }
}

Backlog ShardSlot::queued(const TopicShard& from) const {
  auto subscription = subscriptions_.find(from.topic);
  if (subscription != subscriptions_.end()) return subscription->second->queued();
  return projector_ == nullptr ? Backlog() : projector_->queued();
}

void ShardSlot::Beat() {
  ++beat_;
  if (stop_by_beat_ != 0) {
    if (beat_ >= stop_by_beat_ && !std::exchange(stopped_, true)) host_.SlotStopped(shard_);
    return;
  }
  if (restart_at_beat_ != 0 && beat_ >= restart_at_beat_) StartProjector();
  for (const std::string& topic : topics_) {
    auto again = resubscribe_at_beat_.find(topic);
    if (again != resubscribe_at_beat_.end() && beat_ >= again->second) StartSubscription(topic);
  }
  if (projector_ != nullptr && beat_ % kLookAtClockEvery == 0) projector_->TimePasses();
  if (rebuild_requested_at_ != 0 && rebuild_ == nullptr && projector_ != nullptr &&
      projector_->live() && beat_ >= rebuild_at_beat_ && host_.MayRebuild()) {
    StartRebuild();
  }
  if (audit_waits() > 0 && host_.MayAudit(shard_)) StartAudit();
  BeatDrops();
}

std::optional<ShardMeta> ShardSlot::LiveCommitted() const {
  if (projector_ == nullptr || !projector_->live()) return std::nullopt;
  return projector_->committed();
}

void ShardSlot::PauseLive() {
  pausing_ = true;
  if (projector_ != nullptr) projector_->Stop();
}

void ShardSlot::StartRebuild() {
  ShardProjectorOptions options = host_.ProjectorOptions(shard_);
  options.own_attempt = own_.rebuild;
  rebuild_ = std::make_unique<Rebuild>(host_.Dependencies(), std::move(options),
                                       projector_->generation(), rebuild_requested_at_, this,
                                       [this](const Status& status) { RebuildEnded(status); });
  rebuild_->Start();
}

void ShardSlot::DropRebuild() {
  if (rebuild_ == nullptr) return;
  if (rebuild_->attempt() != Attempt()) own_.rebuild = rebuild_->attempt();
  rebuild_.reset();
}

// The next owner goes on with it, to which it must not look like one that killed this process: as
// in Leave.
void ShardSlot::LeaveRebuild() {
  if (rebuild_ != nullptr && rebuild_->attempt().count > 0) {
    const Attempt attempt = rebuild_->attempt();
    (void)host_.Dependencies().log->PutShardMetadata(
        inbox_, std::string(kRebuildAttemptField),
        fmt::format("{} {}", attempt.offset, attempt.count - 1));
  }
  DropRebuild();
}

void ShardSlot::AbandonRebuild() {
  DropRebuild();
  pausing_ = live_paused_ = false;
  rebuild_at_beat_ = beat_ + kRebuildAgainAfter;
}

void ShardSlot::RebuildEnded(const Status& status) {
  DropRebuild();
  ProjectorObserver* observer = host_.Dependencies().observer;
  if (status.ok() || status.reason() == "REBUILD_DIFFERS" || status.reason() == "REBUILD_KILLS") {
    rebuild_requested_at_ = 0;
    if (!status.ok() && observer != nullptr) {
      observer->OnAlert(ProjectorAlert::kRebuildDiffers, shard_, status.message());
    }
  } else {
    rebuild_at_beat_ = beat_ + kRebuildAgainAfter;
    if (observer != nullptr) observer->OnRestart(shard_, status);
  }
  if (std::exchange(pausing_, false)) {
    live_paused_ = false;
    DropProjector();
    StartProjector();
  }
}

uint64_t ShardSlot::audit_waits() const {
  const bool due = audit_at_beat_ != 0 && beat_ >= audit_at_beat_;
  const bool can = audit_ == nullptr && rebuild_ == nullptr && projector_ != nullptr &&
                   projector_->state() == ShardProjector::State::kLive;
  return due && can ? beat_ - audit_at_beat_ + 1 : 0;
}

void ShardSlot::PlanAudit() {
  if (audit_at_beat_ != 0 || options_.audit_interval <= Duration::zero()) return;
  const Time now = host_.Dependencies().scheduler->Now();
  audited_ = projector_->audited();
  Duration wait = audited_ + options_.audit_interval - now;
  if (!audited_.is_set()) {
    // The first of each shard, one after the other.
    wait = options_.audit_interval * (shard_ + 1) / options_.shard_count;
    audited_ = now;
  }
  wait = std::clamp(wait, Duration::zero(), options_.audit_interval);
  audit_at_beat_ = beat_ + 1 + Beats(wait);
}

void ShardSlot::StartAudit() {
  audit_ =
      std::make_unique<Audit>(host_.Dependencies(), host_.ProjectorOptions(shard_), options_.audit,
                              projector_->generation(), projector_->committed(),
                              [this](const Status& status) { AuditEnded(status); });
  audit_->Start();
}

void ShardSlot::AuditEnded(const Status& status) {
  audit_.reset();
  const uint64_t interval = 1 + Beats(options_.audit_interval);
  const bool differs = status.reason() == "AUDIT_DIFFERS";
  audit_at_beat_ =
      beat_ + (status.ok() || differs ? interval : std::min(interval, kAuditAgainAfter));
  if (status.ok()) audited_ = host_.Dependencies().scheduler->Now();
  ProjectorObserver* observer = host_.Dependencies().observer;
  if (observer == nullptr) return;
  observer->OnAudit(shard_, status);
  if (differs) observer->OnAlert(ProjectorAlert::kAuditDiffers, shard_, status.message());
}

void ShardSlot::BeatDrops() {
  for (auto at = drops_.begin(); at != drops_.end();) {
    Drop& drop = at->second;
    if (drop.task.has_value()) {
      at = drop.task->done() ? drops_.erase(at) : std::next(at);
      continue;
    }
    const bool in_use = projector_ == nullptr || projector_->generation() == drop.generation ||
                        (rebuild_ != nullptr && rebuild_->generation() == drop.generation);
    if (beat_ >= drop.at_beat && !in_use) {
      drop.task = DropGeneration(drop.generation);
      drop.task->Start();
    }
    ++at;
  }
}

Task<void> ShardSlot::DropGeneration(Generation generation) {
  const ShardProjectorDependencies dependencies = host_.Dependencies();
  Status status = co_await host_.DropGeneration({shard_, generation});
  if (status.ok()) {
    auto deleted = co_await dependencies.log->DeleteShardMetadata(
        inbox_, fmt::format("{}{}", kDropPrefix, generation));
    status = deleted.status();
  }
  // The field in the log stays, and the next opening tries again.
  if (!status.ok() && dependencies.observer != nullptr) {
    dependencies.observer->OnRestart(shard_, status);
  }
}

const Status& ShardSlot::problem() const {
  return problem_.ok() && !source_problems_.empty() ? source_problems_.begin()->second : problem_;
}

std::string_view ShardSlot::StateName() const {
  if (!problem().ok()) return "STOPPED";
  if (projector_ == nullptr) return "OPENING";
  switch (projector_->state()) {
    case ShardProjector::State::kOpening: break;
    case ShardProjector::State::kCatchingUp: return "CATCHING_UP";
    case ShardProjector::State::kLive: return "LIVE";
    case ShardProjector::State::kEnded:
      if (live_paused_ && projector_->live()) return "LIVE";
      break;
  }
  return "OPENING";
}

bool ShardSlot::settled() const {
  const std::string_view state = StateName();
  return state == "LIVE" || state == "STOPPED";
}

ProjectedShard ShardSlot::Describe(Time now) const {
  ProjectedShard described;
  described.shard = shard_;
  described.problem = problem().ok() ? "" : problem().ToString();
  described.state = StateName();
  if (unfolded_since_.has_value()) {
    described.event_age = std::max(Duration::zero(), now - *unfolded_since_);
  }
  if (audited_.is_set()) described.audit_age = std::max(Duration::zero(), now - audited_);
  if (projector_ == nullptr) return described;
  const ShardMeta& committed = projector_->committed();
  described.generation = projector_->generation();
  described.live = projector_->live();
  described.applied = committed.applied;
  described.quiet = committed.quiet;
  described.shard_time = committed.shard_time;
  if (described.live && committed.shard_time.is_set()) {
    described.time_lag = std::max(Duration::zero(), now - committed.shard_time);
  }
  described.fold_version = committed.fold_version;
  described.digest = committed.digest;
  described.queued_records = projector_->queued().records;
  if (std::optional<Time> oldest = projector_->oldest_queued()) {
    described.event_age = std::max(described.event_age, now - *oldest);
  }
  if (rebuild_ != nullptr) {
    described.building_generation = rebuild_->generation();
    described.building_applied = rebuild_->applied();
  }
  described.parked_records = static_cast<uint32_t>(projector_->parked().roots().size());
  return described;
}

void ShardSlot::CollectFloors(std::map<TopicShard, Offset>& floors) const {
  if (projector_ != nullptr && projector_->committed().applied > 0) {
    floors[inbox_] = projector_->committed().applied;
  }
  for (const auto& [topic, subscription] : subscriptions_) {
    if (subscription->copied() > 0) floors[subscription->from()] = subscription->copied();
  }
}

}  // namespace epigrid
