#include "services/notification/sender/delivery_counter.h"

#include "common/log/log.h"
#include "epigrid/events/v1/envelope.pb.h"
#include "services/notification/domain/notification_fold.h"

namespace epigrid::notification {
namespace {

constexpr Duration kPollWait = std::chrono::seconds(1);

TopicShard Deliveries(Shard shard) { return {std::string(kDeliveryTopic), shard}; }

}  // namespace

DeliveryCounter::DeliveryCounter(Scheduler& scheduler, EventLog& log, uint32_t shard_count,
                                 std::function<bool(Shard)> works_on,
                                 std::function<void(v1::MessageState)> on_closed)
    : scheduler_(scheduler),
      log_(log),
      shard_count_(shard_count),
      works_on_(std::move(works_on)),
      on_closed_(std::move(on_closed)),
      consumer_(log.NewConsumer()) {}

Task<void> DeliveryCounter::Run() {
  for (;;) {
    co_await FollowShards();
    if (followed_.empty()) {
      co_await scheduler_.Sleep(kPollWait);
      continue;
    }
    const Result<std::vector<Polled>> polled = co_await consumer_->Poll(kPollWait);
    if (!polled.ok()) {
      // A shard that the log no longer gives is followed anew from its end.
      const auto& metadata = polled.status().metadata();
      if (const auto shard = metadata.find("shard"); shard != metadata.end()) {
        followed_.erase(static_cast<Shard>(std::stoul(shard->second)));
      }
      EPIGRID_LOG_WARN("notification.deliveries_unreadable", {polled.status()});
      co_await scheduler_.Sleep(kPollWait);
      continue;
    }
    for (const Polled& of_shard : *polled) {
      for (const LogRecord& record : of_shard.records) Count(record);
    }
  }
}

Task<void> DeliveryCounter::FollowShards() {
  for (Shard shard = 0; shard < shard_count_; ++shard) {
    const bool follows = followed_.contains(shard);
    if (works_on_(shard) == follows) continue;
    if (follows) {
      consumer_->Unassign(Deliveries(shard));
      followed_.erase(shard);
      continue;
    }
    const Result<Offset> end = co_await log_.End(Deliveries(shard));
    if (!end.ok()) continue;  // tried again
    consumer_->Assign(Deliveries(shard), *end);
    followed_.insert(shard);
  }
}

void DeliveryCounter::Count(const LogRecord& record) {
  events::v1::Envelope envelope;
  if (!envelope.ParseFromString(record.value)) return;  // the subscribers of the topic tell of it
  for (const events::v1::Event& event : envelope.events()) {
    if (event.has_delivery_changed()) on_closed_(event.delivery_changed().state());
  }
}

}  // namespace epigrid::notification
