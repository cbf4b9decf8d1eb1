#include "common/projector/shard_projector.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "common/base/hex.h"
#include "common/base/proto_time.h"
#include "common/base/sha256.h"
#include "epigrid/internal/v1/projector_state.pb.h"

namespace epigrid {
namespace {

// Looks at the clock without a commit, of which there are about ten a second.
constexpr uint32_t kLooksBetweenReads = 10;

}  // namespace

uint64_t ParseOffset(std::string_view text) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  EPIGRID_CHECK(error == std::errc() && end == text.data() + text.size(),
                "a shard's log metadata holds no number: " + std::string(text));
  return number;
}

std::string_view AlertName(ProjectorAlert alert) {
  switch (alert) {
    case ProjectorAlert::kClockWrong: return "CLOCK_WRONG";
    case ProjectorAlert::kRecordParked: return "RECORD_PARKED";
    case ProjectorAlert::kRebuildDiffers: return "REBUILD_DIFFERS";
    case ProjectorAlert::kAuditDiffers: return "AUDIT_DIFFERS";
    case ProjectorAlert::kViewLost: return "VIEW_LOST";
    case ProjectorAlert::kShardStopped: return "SHARD_STOPPED";
  }
  return "UNKNOWN";
}

std::string ConfigurationVersion(std::string_view configuration) {
  return ToHex(Sha256(configuration));
}

ShardProjector::ShardProjector(ShardProjectorDependencies dependencies,
                               ShardProjectorOptions options, ShardProjectorCallbacks callbacks)
    : scheduler_(*dependencies.scheduler),
      log_(*dependencies.log),
      producer_(dependencies.producer),
      view_(*dependencies.view),
      fold_(*dependencies.fold),
      observer_(dependencies.observer),
      attempt_gate_(dependencies.attempt_gate),
      work_budget_(dependencies.work_budget),
      fold_turns_(dependencies.fold_turns),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      folder_(fold_, {std::string(fold_.service()), options_.shard, options_.shard_count},
              observer_),
      self_(std::make_shared<ShardProjector*>(this)) {
  EPIGRID_CHECK(building() || producer_ != nullptr, "a projector that emits has a producer");
}

ShardProjector::~ShardProjector() { *self_ = nullptr; }

void ShardProjector::Start() {
  main_ = Main();
  main_.Start();
}

void ShardProjector::PostCallback(std::function<void()> callback) {
  scheduler_.Post([self = self_, callback = std::move(callback)] {
    if (*self != nullptr) callback();
  });
}

void ShardProjector::Feed(std::vector<LogRecord> records) {
  const Time now = scheduler_.Now();
  for (LogRecord& record : records) {
    const Offset last = !queue_.empty()      ? queue_.back().offset
                        : !gathered_.empty() ? gathered_.back().record.offset
                                             : committed_.applied;
    EPIGRID_CHECK(record.offset > last, "records are fed in order, after the offset sought");
    ticking_.RecordRead(now, record.appended_at);
    queue_.Push(std::move(record));
  }
  Wake();
}

void ShardProjector::TimePasses() {
  const bool trusted = ticking_.trusted();
  ticking_.Look(scheduler_.Now());
  if (trusted && !ticking_.trusted() && observer_ != nullptr) {
    observer_->OnAlert(ProjectorAlert::kClockWrong, options_.shard, "the clock jumped");
  }
  if (state_ != State::kLive) return;
  ++looks_since_commit_;
  Wake();
}

void ShardProjector::Stop() {
  stop_ = true;
  Wake();
}

std::optional<Time> ShardProjector::oldest_queued() const {
  if (oldest_in_hand_.is_set()) return oldest_in_hand_;
  if (!gathered_.empty()) return gathered_.front().record.appended_at;
  if (!queue_.empty()) return queue_.front().appended_at;
  return std::nullopt;
}

Future<Done> ShardProjector::NextWork() {
  waiting_.emplace();
  return waiting_->future();
}

void ShardProjector::Wake() {
  if (!waiting_.has_value()) return;
  const Promise<Done> waiting = *std::exchange(waiting_, std::nullopt);
  waiting.Set(Done{});
}

Task<void> ShardProjector::Main() {
  Status status = co_await Life();
  // It did not die; if the view cannot be told, the host knows (own_attempt).
  (void)co_await TakeAttemptBack();
  state_ = State::kEnded;
  PostCallback([ended = callbacks_.ended, status = std::move(status)] { ended(status); });
}

Task<Status> ShardProjector::Life() {
  EPIGRID_CO_RETURN_IF_ERROR(co_await Open());
  state_ = State::kCatchingUp;
  PostCallback([seek = callbacks_.seek, offset = committed_.applied] { seek(offset); });
  co_return co_await Work();
}

Task<Status> ShardProjector::Work() {
  while (!stop_) {
    bool idle = true;
    if (queued().records > 0) {
      EPIGRID_CO_RETURN_IF_ERROR(co_await FoldBatch());
      idle = false;
    }
    if (!building() && state_ != State::kLive && committed_.applied >= catch_up_to_) {
      EPIGRID_CO_RETURN_IF_ERROR(co_await BecomeLive());
    }
    if (state_ == State::kLive &&
        ticking_.Due(scheduler_.Now(), committed_.shard_time, next_due_, committed_.applied)) {
      EPIGRID_CO_RETURN_IF_ERROR(co_await AppendTick());
    }
    if (looks_since_commit_ >= kLooksBetweenReads) {
      // Nothing else would notice soon that the view was lost, or that another owner is ahead.
      EPIGRID_CO_RETURN_IF_ERROR(co_await Load({}));
      looks_since_commit_ = 0;
    }
    if (idle && queued().records == 0 && !stop_) co_await NextWork();
  }
  co_return OkStatus();
}

Task<Status> ShardProjector::BecomeLive() {
  if (!std::exchange(configuration_checked_, true)) {
    EPIGRID_CO_RETURN_IF_ERROR(co_await LoadRuntimeCells());
    std::vector<Event> events;
    const std::string* configured = folder_.cells.Get(kConfiguredCell);
    if (configured == nullptr || *configured != options_.configuration_version) {
      events::v1::Configured& change = *events.emplace_back().mutable_configured();
      change.set_version(options_.configuration_version);
      change.set_configuration(options_.configuration);
    }
    if (!committed_.shard_time.is_set()) {
      *events.emplace_back().mutable_tick()->mutable_time() = ToProto(scheduler_.Now());
    }
    if (!events.empty()) {
      EPIGRID_CO_RETURN_IF_ERROR(co_await AppendOwn(std::move(events), &catch_up_to_));
      // folded first, so that what queries read has a configuration and a time
      co_return OkStatus();
    }
  }
  if (!live_) {
    auto set = co_await view_.SetLive(options_.shard, generation_, committed_.applied);
    if (!set.ok()) co_return set.status();
    if (!*set) co_return ViewMoved();
    live_ = true;
  }
  state_ = State::kLive;
  EPIGRID_CO_RETURN_IF_ERROR(co_await LoadRuntimeCells());
  auto rebuild = folder_.cells.GetProto<internal::v1::RebuildState>(kRebuildCell);
  if (rebuild.has_value() && rebuild->offset() > rebuilt_ && callbacks_.rebuild_requested) {
    PostCallback([requested = callbacks_.rebuild_requested, offset = rebuild->offset()] {
      requested(offset);
    });
  }
  co_return OkStatus();
}

Task<Status> ShardProjector::AppendOwn(std::vector<Event> events, Offset* last) {
  std::vector<NewRecord> records;
  for (Event& event : events) {
    Envelope envelope;
    envelope.set_schema_version(kSchemaVersion);
    *envelope.mutable_recorded_at() = ToProto(scheduler_.Now());
    envelope.set_actor("system:" + options_.instance);
    *envelope.add_events() = std::move(event);
    records.push_back({inbox(), {}, envelope.SerializeAsString()});
  }
  auto appended = co_await producer_->Append(std::move(records));
  if (!appended.ok()) co_return appended.status();
  *last = appended->back();
  co_return OkStatus();
}

Task<Status> ShardProjector::AppendTick() {
  // A failover may lose which generation is live and nothing else, and another owner's rebuild
  // changes it: no commit is refused for either.
  auto live = co_await view_.Live(options_.shard);
  if (!live.ok()) co_return live.status();
  if (*live != generation_) {
    co_return ViewMoved("this generation is not the live one any more");
  }
  const Time now = scheduler_.Now();
  std::vector<Event> events(1);
  *events[0].mutable_tick()->mutable_time() = ToProto(now);
  Offset offset = 0;
  EPIGRID_CO_RETURN_IF_ERROR(co_await AppendOwn(std::move(events), &offset));
  own_tick_ = now;
  ticking_.Appended(now, offset);
  co_return OkStatus();
}

}  // namespace epigrid
