#include "common/projector/subscription.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/projector/emission.h"
#include "common/projector/log_retention.h"

namespace epigrid {
namespace {

constexpr size_t kRecordsPerAppend = 512;
constexpr size_t kBytesPerAppend = 4 << 20;

// What one inbox shard gets of a record.
struct Target {
  struct Chosen {
    int event;  // its place in the record
    std::string entity;
  };
  std::vector<Chosen> events;

  const std::string& key() const { return events.front().entity; }
  // Whether it gets all of it, and the events say whom they concern under the new key too.
  bool IsWhole(const Envelope& envelope) const {
    return events.size() == static_cast<size_t>(envelope.events_size()) &&
           std::all_of(events.begin(), events.end(), [&](const Chosen& chosen) {
             return StatedEntity(envelope.events(chosen.event), key()) == chosen.entity;
           });
  }
};

}  // namespace

std::vector<NewRecord> CopyToInbox(const Fold& fold, uint32_t shard_count, const TopicShard& from,
                                   const LogRecord& record) {
  const std::string inbox = InboxTopic(fold.service());
  const Shard key_shard =
      record.key.empty() ? from.shard % shard_count : ShardOf(record.key, shard_count);
  Envelope envelope;
  if (!envelope.ParseFromString(record.value) || envelope.events().empty()) {
    return {{{inbox, key_shard}, record.key, record.value}};
  }
  std::map<Shard, Target> targets;
  for (int i = 0; i < envelope.events_size(); ++i) {
    const Event& event = envelope.events(i);
    const bool known = event.kind_case() != Event::KIND_NOT_SET;
    std::string entity = known ? fold.Route(event) : StatedEntity(event, record.key);
    if (known && entity.empty()) continue;
    const Shard shard = entity.empty() ? key_shard : ShardOf(entity, shard_count);
    targets[shard].events.push_back({i, std::move(entity)});
  }
  std::vector<NewRecord> copies;
  if (targets.size() == 1 && targets.begin()->second.IsWhole(envelope)) {
    const auto& [shard, target] = *targets.begin();
    copies.push_back({{inbox, shard}, target.key(), record.value});
    return copies;
  }
  auto events = std::move(*envelope.mutable_events());
  for (const auto& [shard, target] : targets) {
    Envelope part = envelope;  // all but the events, also what a later schema has added
    for (const Target::Chosen& chosen : target.events) {
      AddEvent(part, target.key(), chosen.entity, std::move(events[chosen.event]));
    }
    copies.push_back({{inbox, shard}, target.key(), part.SerializeAsString()});
  }
  return copies;
}

Subscription::Subscription(SubscriptionDependencies dependencies, TopicShard from,
                           uint32_t shard_count, SubscriptionCallbacks callbacks)
    : dependencies_(dependencies),
      from_(std::move(from)),
      shard_count_(shard_count),
      callbacks_(std::move(callbacks)),
      self_(std::make_shared<Subscription*>(this)) {}

Subscription::~Subscription() { *self_ = nullptr; }

void Subscription::Start() {
  main_ = Main();
  main_.Start();
}

void Subscription::Feed(std::vector<LogRecord> records) {
  for (LogRecord& record : records) {
    EPIGRID_CHECK(record.offset > (queue_.empty() ? copied_ : queue_.back().offset),
                  "records are fed in order, after the offset sought");
    queue_.Push(std::move(record));
  }
  if (!waiting_.has_value()) return;
  const Promise<Done> waiting = *std::exchange(waiting_, std::nullopt);
  waiting.Set(Done{});
}

Task<void> Subscription::Main() {
  Status status = co_await Life();
  dependencies_.scheduler->Post(
      [self = self_, ended = callbacks_.ended, status = std::move(status)] {
        if (*self != nullptr) ended(status);
      });
}

Task<Status> Subscription::Life() {
  // Before it reads: what it has not copied is kept for it.
  const std::string group(dependencies_.fold->service());
  auto known = co_await dependencies_.log->PutShardMetadata(
      from_, std::string(kSubscriberPrefix) + group, {});
  if (!known.ok()) co_return known.status();
  auto floors = co_await dependencies_.log->Floors(group, {from_});
  if (!floors.ok()) co_return floors.status();
  copied_ = floors->front();
  dependencies_.scheduler->Post([self = self_, seek = callbacks_.seek, offset = copied_] {
    if (*self != nullptr) seek(offset);
  });
  while (true) {
    if (queue_.empty()) {
      waiting_.emplace();
      co_await waiting_->future();
      continue;
    }
    std::vector<NewRecord> copies;
    Offset last = copied_;
    for (size_t bytes = 0;
         !queue_.empty() && copies.size() < kRecordsPerAppend && bytes < kBytesPerAppend;) {
      const LogRecord record = queue_.Pop();
      bytes += record.value.size();
      for (NewRecord& copy : CopyToInbox(*dependencies_.fold, shard_count_, from_, record)) {
        copies.push_back(std::move(copy));
      }
      last = record.offset;
    }
    if (!copies.empty()) {
      auto appended = co_await dependencies_.producer->Append(std::move(copies));
      if (!appended.ok()) co_return appended.status();
    }
    copied_ = last;
  }
}

}  // namespace epigrid
