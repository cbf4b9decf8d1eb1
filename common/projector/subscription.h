// Subscription: copies one partition of another service's public topic into this service's inbox,
// each event to the shard of the entity that Fold::Route names.
//
//   contact_tracing.exposure.v1 / 7 ──▶ health_code.inbox / 3, 9, 21, ...
//
// A record may be copied twice (after a crash, or by two owners); its position, the emitter's, goes
// along unchanged, so that the receiving shard counts it once. How far it is certainly copied
// stands in the log as the floor of the service's group on that partition: the host raises it from
// copied(). What the fold has no use for is left out; an event of an unknown kind goes to the shard
// of the entity that it states, a record that nobody understands to the shard of its key, and they
// park there.
//
// Life cycle and threads are those of ShardProjector: Start, Feed, destroy at any moment; it ends
// with an error of the log or the producer, and then a new one takes over from the floor.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/scheduler.h"
#include "common/base/task.h"
#include "common/event_log/event_log.h"
#include "common/projector/fold.h"
#include "common/projector/record_queue.h"

namespace epigrid {

// All outlive the subscription.
struct SubscriptionDependencies {
  Scheduler* scheduler = nullptr;
  EventLog* log = nullptr;
  Producer* producer = nullptr;
  const Fold* fold = nullptr;
};

struct SubscriptionCallbacks {
  std::function<void(Offset)> seek;   // records of the partition after this offset are wanted
  std::function<void(Status)> ended;  // never OK
};

// The inbox records for one foreign record: in rising order of shards, at most one for each.
std::vector<NewRecord> CopyToInbox(const Fold& fold, uint32_t shard_count, const TopicShard& from,
                                   const LogRecord& record);

class Subscription {
 public:
  Subscription(SubscriptionDependencies dependencies, TopicShard from, uint32_t shard_count,
               SubscriptionCallbacks callbacks);
  ~Subscription();
  Subscription(const Subscription&) = delete;

  void Start();
  void Feed(std::vector<LogRecord> records);

  const TopicShard& from() const { return from_; }
  // Everything up to here is in the inbox.
  Offset copied() const { return copied_; }
  Backlog queued() const { return queue_.backlog(); }

 private:
  Task<void> Main();
  Task<Status> Life();

  const SubscriptionDependencies dependencies_;
  const TopicShard from_;
  const uint32_t shard_count_;
  const SubscriptionCallbacks callbacks_;
  Offset copied_ = 0;
  RecordQueue queue_;
  std::optional<Promise<Done>> waiting_;
  std::shared_ptr<Subscription*> self_;  // empties when it is destroyed
  Task<void> main_;                      // last: its frame refers to all of the above
};

}  // namespace epigrid
