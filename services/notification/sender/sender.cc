#include "services/notification/sender/sender.h"

#include <algorithm>

#include "common/log/log.h"
#include "services/notification/sender/sender_state.h"
#include "services/notification/view/keys.h"

namespace epigrid::notification {
namespace {

constexpr size_t kPage = 256;  // items of an index read at once
constexpr Duration kPauseMin = std::chrono::milliseconds(250);
constexpr Duration kPauseMax = std::chrono::seconds(10);
constexpr Duration kDrainLook = std::chrono::milliseconds(10);
constexpr int kPollsPerCount = 10;

}  // namespace

Sender::Sender(Scheduler& scheduler, Outbox& outbox, ContactResolver& contacts,
               const Channels& channels, RandomSource& random, std::function<bool(Shard)> works_on,
               SenderOptions options, SenderObserver* observer)
    : state_(std::make_shared<State>(scheduler, outbox, contacts, channels, random,
                                     std::move(works_on), options, observer)) {}

Sender::~Sender() = default;
void Sender::Start() { state_->Start(); }
void Sender::Wake(Shard shard) { state_->Wake(shard); }

Future<Done> Sender::Stop(Duration deadline) {
  Promise<Done> stopped;
  state_->Stop(deadline, stopped);
  return stopped.future();
}

Sender::State::State(Scheduler& scheduler, Outbox& outbox, ContactResolver& contacts,
                     const Channels& channels, RandomSource& random,
                     std::function<bool(Shard)> works_on, SenderOptions options,
                     SenderObserver* observer)
    : scheduler_(scheduler),
      outbox_(outbox),
      contacts_(contacts),
      channels_(channels),
      random_(random),
      works_on_(std::move(works_on)),
      options_(options),
      observer_(observer),
      walks_(options.shard_count) {
  EPIGRID_CHECK(options.batch_max <= kPeoplePerResolveMax, "a batch can be resolved at once");
}

void Sender::State::Wake(Shard shard) {
  if (shard >= walks_.size()) return;
  MarkDirty(shard);
  LookSoon();
}

Task<void> Sender::State::Poll() {
  for (int polls = 0; !draining_; ++polls) {
    for (Shard shard = 0; shard < walks_.size(); ++shard) MarkDirty(shard);
    LookSoon();
    if (observer_ != nullptr && polls % kPollsPerCount == 0) {
      uint64_t offered = 0;
      for (Shard shard = 0; shard < walks_.size(); ++shard) {
        if (!works_on_(shard)) continue;
        const Result<uint64_t> count = co_await outbox_.CountOffered(shard);
        if (count.ok()) offered += *count;
      }
      observer_->OnOffered(offered);
    }
    co_await scheduler_.Sleep(options_.poll_interval);
  }
}

Task<void> Sender::State::Drain(Duration deadline, Promise<Done> stopped) {
  draining_ = true;
  const Future<Done> late = scheduler_.Sleep(deadline);
  while (!in_hand_.empty() && !late.ready()) co_await scheduler_.Sleep(kDrainLook);
  if (!in_hand_.empty()) {
    EPIGRID_LOG_WARN("notification.sender_not_drained", {"messages", in_hand_.size()});
  }
  // Posted, since who waits for it may destroy this coroutine.
  scheduler_.Post([stopped] { stopped.Set(Done{}); });
}

void Sender::State::MarkDirty(Shard shard) {
  if (std::exchange(walks_[shard].dirty, true)) return;
  dirty_.push_back(shard);
}

bool Sender::State::MayTake() const {
  return !draining_ && in_hand_.size() < options_.in_hand_max &&
         (!pause_over_.has_value() || pause_over_->ready());
}

// Posted, so that many wakes of one turn make one look.
void Sender::State::LookSoon() {
  if (dirty_.empty() || looks_under_way_ > 0 || !MayTake()) return;
  if (std::exchange(look_posted_, true)) return;
  scheduler_.Post([weak = weak_from_this()] {
    if (const std::shared_ptr<State> self = weak.lock()) self->Look();
  });
}

// Into all shards where there may be work, in one round trip.
void Sender::State::Look() {
  look_posted_ = false;
  if (!MayTake()) return;
  std::vector<Shard> shards;
  for (const Shard shard : std::exchange(dirty_, {})) {
    walks_[shard].dirty = false;
    if (works_on_(shard)) shards.push_back(shard);
  }
  looks_under_way_ += shards.size();
  for (const Shard shard : shards) tasks_.Begin(LookInto(shard));
}

Task<void> Sender::State::LookInto(Shard shard) {
  const Result<std::vector<std::string>> page =
      co_await outbox_.Offered(shard, walks_[shard].at, kPage);
  if (page.ok()) {
    Take(shard, *page);
  } else {  // the next poll asks again
    ++unreadable_;
    unreadable_why_ = page.status();
  }
  if (--looks_under_way_ > 0) co_return;
  if (const size_t shards = std::exchange(unreadable_, 0); shards > 0) {
    EPIGRID_LOG_WARN("notification.offered_unreadable", {"shards", shards}, {unreadable_why_});
  }
  Dispatch();
}

void Sender::State::Take(Shard shard, const std::vector<std::string>& page) {
  Walk& walk = walks_[shard];
  for (const std::string& item : page) {
    if (in_hand_.size() >= options_.in_hand_max) {
      // The next lap begins here and comes round to what is left behind.
      walk.wrap = true;
      return MarkDirty(shard);
    }
    walk.at = item;
    if (outbox_.IsParked(keys::SplitWorkItem(item).first)) continue;
    if (in_hand_.insert(item).second) taken_.push_back(item);
  }
  if (page.size() == kPage) return MarkDirty(shard);
  walk.at.clear();
  if (std::exchange(walk.wrap, false)) MarkDirty(shard);
}

void Sender::State::Dispatch() {
  const std::vector<std::string> items = std::exchange(taken_, {});
  for (size_t begin = 0; begin < items.size(); begin += options_.batch_max) {
    const size_t end = std::min(items.size(), begin + options_.batch_max);
    const auto first = items.begin() + static_cast<ptrdiff_t>(begin);
    const auto last = items.begin() + static_cast<ptrdiff_t>(end);
    tasks_.Begin(SendBatch(std::vector<std::string>(first, last)));
  }
  LookSoon();
}

void Sender::State::Release(const MessageRef& message) {
  in_hand_.erase(keys::WorkItem(message.person_id, message.message_id));
  // Not for every single place, or each would cost a look into the view.
  if (in_hand_.size() <= options_.in_hand_max * 3 / 4) LookSoon();
}

void Sender::State::BackOff(std::string_view from, const Status& why) {
  pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
  pause_over_ = scheduler_.Sleep(pause_);
  EPIGRID_LOG_WARN("notification.sender_waits", {"for", Safe(from)}, {"pause_ms", pause_}, {why});
}

}  // namespace epigrid::notification
