// What sending does, for Prometheus.
//
//   epigrid_notification_attempts_total{outcome}   attempts that ended: DELIVERED, FAILED, REFUSED, UNREACHABLE
//   epigrid_notification_messages_total{state}     messages that ended: DELIVERED, UNDELIVERABLE, SUPERSEDED
//   epigrid_notification_delivery_seconds          from what gave rise to a message until a channel took it
//   epigrid_notification_offered                   messages that wait for a sender, in the shards of this process
//
// Threads: any.
#pragma once

#include <map>

#include "common/metrics/metrics.h"
#include "services/notification/sender/sender.h"

namespace epigrid::notification {

class SenderMetrics final : public SenderObserver {
 public:
  explicit SenderMetrics(Metrics& metrics);

  void OnAttempt(v1::AttemptOutcome outcome) override;
  void OnDelivered(Duration after) override;
  void OnOffered(uint64_t count) override;
  // A message came to its end.
  void OnClosed(v1::MessageState state);

 private:
  std::map<v1::AttemptOutcome, prometheus::Counter*> attempts_;
  std::map<v1::MessageState, prometheus::Counter*> messages_;
  prometheus::Histogram& delivery_seconds_;
  prometheus::Gauge& offered_;
};

}  // namespace epigrid::notification
