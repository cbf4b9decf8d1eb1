#include "common/projector/subscription.h"

#include <map>
#include <utility>

#include "common/projector/emission.h"

namespace epigrid {
namespace {

constexpr size_t kRecordsPerAppend = 512;
constexpr size_t kBytesPerAppend = 4 << 20;

}  // namespace

std::vector<NewRecord> CopyToInbox(const Fold& fold, uint32_t shard_count, const TopicShard& from,
                                   const LogRecord& record) {
  const std::string inbox = InboxTopic(fold.service());
  const Shard key_shard =
      record.key.empty() ? from.shard % shard_count : ShardOf(record.key, shard_count);
  Envelope envelope;
  if (!envelope.ParseFromString(record.value)) {
    return {{{inbox, key_shard}, record.key, record.value}};
  }
  struct Target {
    std::string key;
    std::vector<int> events;
  };
  std::map<Shard, Target> targets;
  for (int i = 0; i < envelope.events_size(); ++i) {
    const Event& event = envelope.events(i);
    const bool known = event.kind_case() != Event::KIND_NOT_SET;
    std::string entity = known ? fold.Route(event) : record.key;
    if (known && entity.empty()) continue;
    Target& target = targets[known ? ShardOf(entity, shard_count) : key_shard];
    if (target.events.empty()) target.key = std::move(entity);
    target.events.push_back(i);
  }
  std::vector<NewRecord> copies;
  for (auto& [shard, target] : targets) {
    NewRecord& copy = copies.emplace_back();
    copy.to = {inbox, shard};
    copy.key = std::move(target.key);
    if (target.events.size() == static_cast<size_t>(envelope.events_size())) {
      copy.value = record.value;
      continue;
    }
    Envelope part;
    part.set_schema_version(envelope.schema_version());
    if (envelope.has_position()) *part.mutable_position() = envelope.position();
    *part.mutable_recorded_at() = envelope.recorded_at();
    part.set_actor(envelope.actor());
    part.set_purpose(envelope.purpose());
    part.set_traceparent(envelope.traceparent());
    for (int i : target.events) part.mutable_events()->Add(std::move(*envelope.mutable_events(i)));
    copy.value = part.SerializeAsString();
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
  auto floors =
      co_await dependencies_.log->Floors(std::string(dependencies_.fold->service()), {from_});
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
