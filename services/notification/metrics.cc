#include "services/notification/metrics.h"

namespace epigrid::notification {
namespace {

// Up to the hours that an endpoint may be down.
const std::vector<double> kDeliveryBuckets = {0.05, 0.1, 0.25, 0.5, 1,   2.5,  5,
                                              10,   30,  60,   300, 900, 3600, 14400};

}  // namespace

SenderMetrics::SenderMetrics(Metrics& metrics)
    : delivery_seconds_(metrics.Histogram("epigrid_notification_delivery_seconds",
                                          "From what gave rise to a message to its delivery",
                                          kDeliveryBuckets)),
      offered_(metrics.Gauge("epigrid_notification_offered",
                             "Messages that wait for a sender, in the shards of this process")) {
  const std::string prefix = "ATTEMPT_OUTCOME_";
  for (const v1::AttemptOutcome outcome :
       {v1::ATTEMPT_OUTCOME_DELIVERED, v1::ATTEMPT_OUTCOME_FAILED, v1::ATTEMPT_OUTCOME_REFUSED,
        v1::ATTEMPT_OUTCOME_UNREACHABLE}) {
    attempts_[outcome] =
        &metrics.Counter("epigrid_notification_attempts_total", "Attempts to send that ended",
                         {{"outcome", v1::AttemptOutcome_Name(outcome).substr(prefix.size())}});
  }
  const std::string state_prefix = "MESSAGE_STATE_";
  for (const v1::MessageState state : {v1::MESSAGE_STATE_DELIVERED, v1::MESSAGE_STATE_UNDELIVERABLE,
                                       v1::MESSAGE_STATE_SUPERSEDED}) {
    messages_[state] =
        &metrics.Counter("epigrid_notification_messages_total", "Messages that came to their end",
                         {{"state", v1::MessageState_Name(state).substr(state_prefix.size())}});
  }
}

void SenderMetrics::OnAttempt(v1::AttemptOutcome outcome) { attempts_.at(outcome)->Increment(); }

void SenderMetrics::OnDelivered(Duration after) {
  delivery_seconds_.Observe(std::chrono::duration<double>(after).count());
}

void SenderMetrics::OnOffered(uint64_t count) { offered_.Set(static_cast<double>(count)); }

void SenderMetrics::OnClosed(v1::MessageState state) {
  if (const auto found = messages_.find(state); found != messages_.end()) {
    found->second->Increment();
  }
}

}  // namespace epigrid::notification
