#include "common/projector/projector_host.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/event_log/assignment.h"
#include "common/projector/generation_dropper.h"
#include "common/projector/shard_slot.h"

namespace epigrid {
namespace {

// How long a poll waits for a first record: what waits for an assignment to be heeded waits so long
// at most.
constexpr Duration kPollWait = std::chrono::milliseconds(50);
// The same while a shard is paused, whose queue may run dry at any moment.
constexpr Duration kPollWaitPaused = std::chrono::milliseconds(2);
constexpr Duration kPollAgainAfterError = std::chrono::milliseconds(200);
// Of all shards together; a batch of one takes up to ShardProjectorOptions::events_per_gather.
constexpr size_t kEventsInHandMax = 8'192;
constexpr uint64_t kRaiseFloorsEvery = std::chrono::milliseconds(500) / kSlotBeat;
// All of them once a day: a log on Kafka forgets those that were not raised for long.
constexpr uint64_t kRaiseAllFloorsEvery = std::chrono::hours(24) / kSlotBeat;
constexpr uint64_t kLookEvery = std::chrono::seconds(1) / kSlotBeat;

}  // namespace

class ProjectorHost::Impl final : public ShardOwner,
                                  public SlotHost,
                                  public std::enable_shared_from_this<ProjectorHost::Impl> {
 public:
  Impl(Scheduler& scheduler, EventLog& log, View& view, Assignment& assignment, const Fold& fold,
       ProjectorHostOptions options, ProjectorObserver* observer)
      : scheduler_(scheduler),
        log_(log),
        view_(view),
        assignment_(assignment),
        fold_(fold),
        options_(std::move(options)),
        configuration_version_(ConfigurationVersion(options_.configuration)),
        pause_at_{.records = options_.queued_records_max,
                  .bytes = options_.queued_bytes_max / options_.shard_count},
        resume_at_{.records = pause_at_.records / 2, .bytes = pause_at_.bytes / 2},
        observer_(observer) {}

  void Start();
  void Stop(Promise<Done> stopped);
  ProjectorSnapshot Snapshot() const;
  void Clear();

  // ShardOwner
  void OnAssigned(Shard shard) override;
  Future<Done> OnRevoked(Shard shard, Revocation why) override;

  // SlotHost
  ShardProjectorDependencies Dependencies() override {
    return {&scheduler_, &log_,          producer_.get(), &view_,      &fold_,
            observer_,   &attempt_gate_, &work_budget_,   &fold_turns_};
  }
  ShardProjectorOptions ProjectorOptions(Shard shard) override;
  void Seek(const TopicShard& from, Offset after) override;
  void Unseek(const TopicShard& from) override;
  bool MayRebuild() override;
  bool MayAudit(Shard shard) override;
  Future<Status> DropGeneration(ShardGeneration which) override { return dropper_.Drop(which); }
  void SlotStopped(Shard shard) override;

 private:
  struct Owned {
    std::unique_ptr<ShardSlot> slot;
    std::optional<Promise<Done>> revoked;
  };

  static Task<void> StopAll(std::shared_ptr<Impl> self, Promise<Done> stopped);
  Task<void> PollLoop();
  Task<void> BeatLoop();
  Task<void> RaiseFloors(std::map<TopicShard, Offset> floors);
  void TellTakeover();
  void ApplySeeks();
  void Deliver(std::vector<Polled> polled);
  void HeedPollError(const Status& status);
  void Resume();
  ShardSlot* SlotOf(const TopicShard& from) const;

  Scheduler& scheduler_;
  EventLog& log_;
  View& view_;
  Assignment& assignment_;
  const Fold& fold_;
  const ProjectorHostOptions options_;
  const std::string configuration_version_;
  const Backlog pause_at_;
  const Backlog resume_at_;
  ProjectorObserver* const observer_;

  AttemptGate attempt_gate_{scheduler_};
  WorkBudget work_budget_{scheduler_, kEventsInHandMax};
  FoldTurns fold_turns_{scheduler_};
  GenerationDropper dropper_{scheduler_, view_};
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<Consumer> consumer_;
  std::map<Shard, Owned> owned_;
  std::map<Shard, OwnAttempts> own_attempts_;
  uint64_t beat_ = 0;
  size_t taken_ = 0;  // shards that were assigned and are not told of yet
  Time taken_since_;

  // What is to be assigned (or, without an offset, unassigned) before the next poll: not while one
  // is under way, whose answer could be of before or after.
  std::map<TopicShard, std::optional<Offset>> seeks_;
  std::set<TopicShard> assigned_;
  std::set<TopicShard> paused_;
  std::map<TopicShard, Offset> floors_;  // as they were raised
  std::optional<Task<void>> raising_;

  Task<void> poll_loop_;
  Task<void> beat_loop_;
};

void ProjectorHost::Impl::Start() {
  producer_ = log_.NewProducer();
  consumer_ = log_.NewConsumer();
  poll_loop_ = PollLoop();
  poll_loop_.Start();
  beat_loop_ = BeatLoop();
  beat_loop_.Start();
  assignment_.Start(this);
}

void ProjectorHost::Impl::Stop(Promise<Done> stopped) {
  Spawn(StopAll(shared_from_this(), std::move(stopped)));
}

Task<void> ProjectorHost::Impl::StopAll(std::shared_ptr<Impl> self, Promise<Done> stopped) {
  co_await self->assignment_.Stop();
  // Not from here: one of its own loops may have led to this.
  self->scheduler_.Post([self, stopped] {
    self->Clear();
    stopped.Set(Done{});
  });
}

void ProjectorHost::Impl::Clear() {
  poll_loop_ = {};
  beat_loop_ = {};
  raising_.reset();
  owned_.clear();
  dropper_.Stop();
  consumer_.reset();
  producer_.reset();
}

ShardProjectorOptions ProjectorHost::Impl::ProjectorOptions(Shard shard) {
  ShardProjectorOptions options;
  options.shard = shard;
  options.shard_count = options_.shard_count;
  options.instance = options_.instance;
  options.configuration = options_.configuration;
  options.configuration_version = configuration_version_;
  options.cache_bytes_max = options_.cache_bytes_max / options_.shard_count;
  return options;
}

void ProjectorHost::Impl::OnAssigned(Shard shard) {
  Owned& owned = owned_[shard];
  owned.slot = std::make_unique<ShardSlot>(*this, shard, fold_.subscriptions(), options_,
                                           own_attempts_[shard]);
  owned.slot->Start();
  if (taken_++ == 0) taken_since_ = scheduler_.Now();
}

Future<Done> ProjectorHost::Impl::OnRevoked(Shard shard, Revocation why) {
  auto found = owned_.find(shard);
  if (found == owned_.end()) return Ready(Done{});
  if (why == Revocation::kLeaseLost) {
    own_attempts_[shard] = found->second.slot->Leave();
    owned_.erase(found);
    return Ready(Done{});
  }
  found->second.revoked.emplace();
  Future<Done> revoked = found->second.revoked->future();
  found->second.slot->Stop();
  return revoked;
}

void ProjectorHost::Impl::SlotStopped(Shard shard) {
  scheduler_.Post([weak = weak_from_this(), shard] {
    const std::shared_ptr<Impl> self = weak.lock();
    if (self == nullptr) return;
    auto found = self->owned_.find(shard);
    if (found == self->owned_.end()) return;
    const std::optional<Promise<Done>> revoked = std::move(found->second.revoked);
    self->own_attempts_[shard] = found->second.slot->Leave();
    self->owned_.erase(found);
    if (revoked.has_value()) revoked->Set(Done{});
  });
}

void ProjectorHost::Impl::Seek(const TopicShard& from, Offset after) {
  assigned_.erase(from);
  seeks_[from] = after;
}

void ProjectorHost::Impl::Unseek(const TopicShard& from) {
  assigned_.erase(from);
  seeks_[from] = std::nullopt;
}

void ProjectorHost::Impl::ApplySeeks() {
  for (const auto& [from, after] : std::exchange(seeks_, {})) {
    paused_.erase(from);
    if (after.has_value()) {
      consumer_->Assign(from, *after);
      assigned_.insert(from);
    } else {
      consumer_->Unassign(from);
    }
  }
}

ShardSlot* ProjectorHost::Impl::SlotOf(const TopicShard& from) const {
  auto found = owned_.find(from.shard);
  return found == owned_.end() ? nullptr : found->second.slot.get();
}

Task<void> ProjectorHost::Impl::PollLoop() {
  while (true) {
    ApplySeeks();
    auto polled = co_await consumer_->Poll(paused_.empty() ? kPollWait : kPollWaitPaused);
    if (polled.ok()) {
      Deliver(std::move(*polled));
      Resume();
    } else {
      HeedPollError(polled.status());
      co_await scheduler_.Sleep(kPollAgainAfterError);
    }
  }
}

void ProjectorHost::Impl::Deliver(std::vector<Polled> polled) {
  for (Polled& each : polled) {
    ShardSlot* slot = SlotOf(each.from);
    if (slot == nullptr || !assigned_.contains(each.from)) continue;
    slot->Feed(each.from, std::move(each.records));
    if (slot->queued(each.from).exceeds(pause_at_)) {
      consumer_->SetPaused(each.from, true);
      paused_.insert(each.from);
    }
  }
}

void ProjectorHost::Impl::Resume() {
  for (auto at = paused_.begin(); at != paused_.end();) {
    const ShardSlot* slot = SlotOf(*at);
    if (slot != nullptr && slot->queued(*at).exceeds(resume_at_)) {
      ++at;
      continue;
    }
    consumer_->SetPaused(*at, false);
    at = paused_.erase(at);
  }
}

void ProjectorHost::Impl::HeedPollError(const Status& status) {
  const auto topic = status.metadata().find("topic");
  const auto shard = status.metadata().find("shard");
  if (topic == status.metadata().end() || shard == status.metadata().end()) {
    if (observer_ != nullptr) observer_->OnLogWait(status);
    return;
  }
  const TopicShard from{topic->second, static_cast<Shard>(std::stoul(shard->second))};
  if (!assigned_.contains(from)) return;
  Unseek(from);
  if (ShardSlot* slot = SlotOf(from)) slot->SourceFailed(from, status);
}

Task<void> ProjectorHost::Impl::BeatLoop() {
  while (true) {
    co_await scheduler_.Sleep(kSlotBeat);
    ++beat_;
    if (producer_->broken()) {
      // Slots forget it before it goes.
      const std::unique_ptr<Producer> broken = std::exchange(producer_, log_.NewProducer());
      for (auto& [shard, owned] : owned_) owned.slot->StartAgain();
    }
    for (auto& [shard, owned] : owned_) owned.slot->Beat();
    TellTakeover();
    if (observer_ != nullptr && beat_ % kLookEvery == 0) observer_->OnLook(Snapshot());
    if (raising_.has_value() && raising_->done()) raising_.reset();
    if (beat_ % kRaiseAllFloorsEvery == 0) floors_.clear();
    if (beat_ % kRaiseFloorsEvery == 0 && !raising_.has_value()) {
      std::map<TopicShard, Offset> floors;
      for (const auto& [shard, owned] : owned_) owned.slot->CollectFloors(floors);
      std::erase_if(floors, [this](const auto& floor) {
        auto known = floors_.find(floor.first);
        return known != floors_.end() && known->second >= floor.second;
      });
      if (floors.empty()) continue;
      raising_ = RaiseFloors(std::move(floors));
      raising_->Start();
    }
  }
}

void ProjectorHost::Impl::TellTakeover() {
  const auto settled = [](const auto& owned) { return owned.second.slot->settled(); };
  if (owned_.empty()) taken_ = 0;  // all have gone again
  if (taken_ == 0 || !std::ranges::all_of(owned_, settled)) return;
  const Duration took = std::max(Duration::zero(), scheduler_.Now() - taken_since_);
  if (observer_ != nullptr) observer_->OnTakeover(taken_, owned_.size(), took);
  taken_ = 0;
}

Task<void> ProjectorHost::Impl::RaiseFloors(std::map<TopicShard, Offset> floors) {
  auto raised = co_await log_.RaiseFloors(std::string(fold_.service()), floors);
  if (!raised.ok()) co_return;  // the next time
  for (const auto& [of, floor] : floors) floors_[of] = floor;
}

bool ProjectorHost::Impl::MayRebuild() {
  const auto rebuilding = std::count_if(owned_.begin(), owned_.end(), [](const auto& owned) {
    return owned.second.slot->rebuilding();
  });
  return static_cast<uint32_t>(rebuilding) < options_.rebuilds_at_once_max;
}

// One at a time: it holds a whole shard in memory.
bool ProjectorHost::Impl::MayAudit(Shard shard) {
  const uint64_t waits = owned_.at(shard).slot->audit_waits();
  return std::ranges::none_of(owned_, [waits](const auto& owned) {
    return owned.second.slot->auditing() || owned.second.slot->audit_waits() > waits;
  });
}

ProjectorSnapshot ProjectorHost::Impl::Snapshot() const {
  ProjectorSnapshot snapshot;
  for (const auto& [shard, owned] : owned_) {
    snapshot.shards.push_back(owned.slot->Describe(scheduler_.Now()));
    snapshot.clock_trusted &= owned.slot->clock_trusted();
  }
  return snapshot;
}

ProjectorHost::ProjectorHost(Scheduler& scheduler, EventLog& log, View& view,
                             Assignment& assignment, const Fold& fold, ProjectorHostOptions options,
                             ProjectorObserver* observer)
    : scheduler_(scheduler),
      impl_(std::make_shared<Impl>(scheduler, log, view, assignment, fold, std::move(options),
                                   observer)) {}

ProjectorHost::~ProjectorHost() { impl_->Clear(); }

void ProjectorHost::Start() {
  scheduler_.Post([impl = impl_] { impl->Start(); });
}

Future<Done> ProjectorHost::Stop() {
  Promise<Done> stopped;
  scheduler_.Post([impl = impl_, stopped] { impl->Stop(stopped); });
  return stopped.future();
}

Future<ProjectorSnapshot> ProjectorHost::Snapshot() {
  Promise<ProjectorSnapshot> promise;
  scheduler_.Post([impl = impl_, promise] { promise.Set(impl->Snapshot()); });
  return promise.future();
}

}  // namespace epigrid
