#include "common/service/event_age.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/rpc/status_details.h"

namespace epigrid {
namespace {

// Of what is appended within this time the first is remembered: an age is right to so much.
constexpr Duration kGrain = std::chrono::milliseconds(100);
constexpr size_t kRememberedMax = 600;
constexpr Duration kShowEvery = std::chrono::seconds(1);
constexpr Duration kRetryMax = std::chrono::seconds(30);

}  // namespace

EventAges::EventAges(const std::string& service, uint32_t shard_count,
                     std::function<Offset(Shard)> applied, const Clock& clock, Metrics& metrics)
    : applied_(std::move(applied)),
      clock_(clock),
      greatest_(metrics.Gauge("epigrid_" + service + "_admission_event_age_seconds",
                              "How long the oldest record that this instance appended waits to be "
                              "applied")),
      appends_(shard_count) {
  for (size_t i = 0; i < kWorkClassCount; ++i) {
    refused_[i] =
        &metrics.Counter("epigrid_" + service + "_refused_for_event_age_total",
                         "Calls refused because the folding of their shards is behind",
                         {{"work", std::string(WorkClassName(static_cast<WorkClass>(i)))}});
  }
}

Duration EventAges::AgeOf(Shard shard, Time now) {
  std::deque<Append>& appends = appends_[shard];
  if (appends.empty()) return Duration(0);
  const Offset applied = applied_(shard);
  while (!appends.empty() && appends.front().offset <= applied) appends.pop_front();
  return appends.empty() ? Duration(0) : std::max(Duration(0), now - appends.front().at);
}

Duration EventAges::Of(Shard shard) {
  std::lock_guard lock(mutex_);
  return AgeOf(shard, clock_.Now());
}

Status EventAges::Admit(WorkClass work, const std::vector<Shard>& shards) {
  if (work == WorkClass::kCritical) return OkStatus();
  Duration age{0};
  {
    const Time now = clock_.Now();
    std::lock_guard lock(mutex_);
    for (const Shard shard : shards) age = std::max(age, AgeOf(shard, now));
  }
  if (age <= (work == WorkClass::kBulk ? kBulkMax : kInteractiveMax)) return OkStatus();
  refused_[static_cast<size_t>(work)]->Increment();
  return WithRetryAfter(
      ResourceExhausted("PROJECTOR_BEHIND",
                        fmt::format("what was recorded before has waited for {} s to be worked "
                                    "through; nothing was done: send it again later",
                                    std::chrono::duration_cast<std::chrono::seconds>(age).count())),
      std::min(kRetryMax, age / 2));
}

void EventAges::Appended(const std::vector<ShardPosition>& positions, Time at) {
  std::lock_guard lock(mutex_);
  for (const ShardPosition& position : positions) {
    std::deque<Append>& appends = appends_[position.shard];
    const Append append{position.offset, at};
    AgeOf(position.shard, at);  // drops what is applied
    if (appends.empty()) {
      if (applied_(position.shard) < append.offset) appends.push_back(append);
    } else if (append.offset < appends.front().offset) {
      appends.push_front(append);
    } else if (append.offset > appends.back().offset && at - appends.back().at >= kGrain &&
               appends.size() < kRememberedMax) {
      appends.push_back(append);
    }
  }
}

void EventAges::Show() {
  const Time now = clock_.Now();
  if (now - shown_at_ < kShowEvery && now >= shown_at_) return;
  shown_at_ = now;
  Duration greatest{0};
  for (Shard shard = 0; shard < appends_.size(); ++shard) greatest = std::max(greatest, Of(shard));
  greatest_.Set(std::chrono::duration<double>(greatest).count());
}

}  // namespace epigrid
