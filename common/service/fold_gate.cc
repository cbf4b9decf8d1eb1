#include "common/service/fold_gate.h"

#include <algorithm>
#include <utility>

#include "common/rpc/status_details.h"

namespace epigrid {
namespace {

// After that an event's place is another's, folded or not: the age of what waits tells of it.
constexpr Duration kPlaceKeptMax = FoldGate::kStandsStillAfter;
constexpr Duration kRetryAfter = std::chrono::milliseconds(500);

struct InLine final : Admission::Waiting {
  void OnPlace() override { ended.Set(true); }
  void OnTooLate() override { ended.Set(false); }
  Promise<bool> ended;
};

}  // namespace

FoldGate::FoldGate(const std::string& service, EventLoop& loop, Progress progress,
                   const Clock& clock, Metrics& metrics)
    : loop_(loop),
      progress_(std::move(progress)),
      clock_(clock),
      ages_(service, progress_.shard_count, progress_.applied, clock, metrics),
      admission_(kEventsMost, [this] { loop_.Post([this] { admission_.Turn(); }); }),
      latencies_{&admission_.limit().AddMethod(), &admission_.limit().AddMethod()},
      seen_(progress_.shard_count),
      limit_(metrics.Gauge("epigrid_" + service + "_fold_limit_events",
                           "Events appended and not applied up to which residents' are appended")),
      standing_(metrics.Gauge("epigrid_" + service + "_standing_shards",
                              "Shards to which this instance has appended something and whose view "
                              "does not move")) {
  for (size_t i = 0; i < kWorkClassCount; ++i) {
    const MetricLabels labels{{"work", std::string(WorkClassName(static_cast<WorkClass>(i)))}};
    unfolded_[i] = &metrics.Gauge("epigrid_" + service + "_unfolded_events",
                                  "Events that this instance appended and that are not applied, "
                                  "but for those of shards that stand still",
                                  labels);
    refused_[i] = &metrics.Counter("epigrid_" + service + "_refused_fold_busy_total",
                                   "Calls refused because the fold has enough to do", labels);
  }
}

Task<bool> FoldGate::AwaitPlace(WorkClass work, uint32_t events) {
  InLine call;
  Future<bool> ended = call.ended.future();
  if (admission_.Enter(work, call, std::chrono::steady_clock::now(), events)) co_return true;
  co_return co_await ended;
}

Task<Result<FoldGate::Place>> FoldGate::Enter(WorkClass work, Kind kind,
                                              std::vector<Shard> shards) {
  EPIGRID_CO_RETURN_IF_ERROR(ages_.Admit(work, shards));
  if (!loop_.OnLoopThread()) co_await loop_.Sleep(Duration(0));
  Place place;
  place.entered_ = clock_.Now();
  const auto events = static_cast<uint32_t>(
      std::ranges::count_if(shards, [this](Shard shard) { return !seen_[shard].stands_still; }));
  if (events == 0) co_return place;
  if (!co_await AwaitPlace(work, events)) {
    refused_[static_cast<size_t>(work)]->Increment();
    co_return WithRetryAfter(
        ResourceExhausted("FOLD_BUSY",
                          "the service works through what was recorded before; nothing was done: "
                          "send it again later"),
        kRetryAfter);
  }
  place.taken_ = AdmissionPlace(admission_, work, events);
  place.since_ = std::chrono::steady_clock::now();
  if (shards.size() <= kSmallEventsMax) place.latency_ = latencies_[static_cast<size_t>(kind)];
  co_return place;
}

internal::SelfOwned FoldGate::KeepUntilFolded(Place place, std::vector<ShardPosition> appended) {
  const Status status = co_await progress_.wait_for(appended, clock_.Now() + kPlaceKeptMax);
  // It took so long; or the service stops.
  if (!status.ok() && status.code() != Code::kDeadlineExceeded) co_return;
  if (place.latency_ == nullptr) co_return;
  const bool stood = std::ranges::any_of(
      appended, [this](const ShardPosition& at) { return seen_[at.shard].stands_still; });
  if (stood) co_return;
  admission_.limit().Sample(*place.latency_, std::chrono::duration_cast<Duration>(
                                                 std::chrono::steady_clock::now() - place.since_));
}

void FoldGate::AwaitFolded(Place place, const std::vector<ShardPosition>& appended) {
  if (appended.empty()) return;
  ages_.Appended(appended, place.entered_);
  KeepUntilFolded(std::move(place), appended);
}

void FoldGate::AwaitFolded(Place place, const std::vector<Decision>& decisions) {
  std::vector<ShardPosition> appended;
  for (const Decision& decision : decisions) {
    if (decision.at.offset > 0) appended.push_back(decision.at);
  }
  AwaitFolded(std::move(place), appended);
}

void FoldGate::LookAtShards(SteadyTime now) {
  for (Shard shard = 0; shard < seen_.size(); ++shard) {
    Seen& seen = seen_[shard];
    const Offset applied = std::exchange(seen.applied, progress_.applied(shard));
    if (applied != seen.applied || ages_.Of(shard) == Duration(0)) seen.moved_at = now;
    seen.stands_still = now - seen.moved_at > kStandsStillAfter;
  }
}

void FoldGate::Show() {
  limit_.Set(admission_.limit().value());
  standing_.Set(static_cast<double>(std::ranges::count_if(seen_, &Seen::stands_still)));
  for (size_t i = 0; i < kWorkClassCount; ++i) {
    unfolded_[i]->Set(admission_.in_flight(static_cast<WorkClass>(i)));
  }
  ages_.Show();
}

Task<void> FoldGate::Run() {
  for (;;) {
    const SteadyTime now = std::chrono::steady_clock::now();
    LookAtShards(now);
    admission_.Tick(now);
    Show();
    co_await loop_.Sleep(Admission::kTickEvery);
  }
}

}  // namespace epigrid
