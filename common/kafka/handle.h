// librdkafka's objects with owners, its errors as Statuses, its log in ours.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/kafka/options.h"

namespace epigrid {

template <auto kDestroy>
struct KafkaDestroy {
  template <typename T>
  void operator()(T* object) const {
    kDestroy(object);
  }
};
template <typename T, auto kDestroy>
using KafkaOwned = std::unique_ptr<T, KafkaDestroy<kDestroy>>;

// Destroyed at once: a consumer leaves no group (who is in one closes it before). Blocks until its
// threads have ended: not on an EventLoop's thread.
void DestroyKafka(rd_kafka_t* client);
using KafkaClient = KafkaOwned<rd_kafka_t, &DestroyKafka>;

using KafkaTopic = KafkaOwned<rd_kafka_topic_t, &rd_kafka_topic_destroy>;
using KafkaQueue = KafkaOwned<rd_kafka_queue_t, &rd_kafka_queue_destroy>;
using KafkaEvent = KafkaOwned<rd_kafka_event_t, &rd_kafka_event_destroy>;
using KafkaError = KafkaOwned<rd_kafka_error_t, &rd_kafka_error_destroy>;
using KafkaPartitions =
    KafkaOwned<rd_kafka_topic_partition_list_t, &rd_kafka_topic_partition_list_destroy>;
using KafkaAdminOptions = KafkaOwned<rd_kafka_AdminOptions_t, &rd_kafka_AdminOptions_destroy>;

inline KafkaPartitions NewKafkaPartitions(size_t capacity) {
  return KafkaPartitions(rd_kafka_topic_partition_list_new(static_cast<int>(capacity)));
}

using KafkaSettings = std::vector<std::pair<std::string, std::string>>;

using KafkaRebalanceCallback = void(rd_kafka_t*, rd_kafka_resp_err_t,
                                    rd_kafka_topic_partition_list_t*, void* opaque);
struct KafkaCallbacks {
  KafkaRebalanceCallback* rebalance = nullptr;
  void* opaque = nullptr;
};

// A client with these settings of librdkafka, beside those that the options say. `events`: what
// comes as events of its queue (RD_KAFKA_EVENT_...), and not as a call. FAILED_PRECONDITION
// KAFKA_CONFIG_INVALID: files that cannot be read, and the like.
Result<KafkaClient> NewKafkaClient(rd_kafka_type_t type, const KafkaOptions& options,
                                   const KafkaSettings& settings, int events,
                                   KafkaCallbacks callbacks = {});

// A client whose records are written once and in their order, and acknowledged by all replicas in
// sync. It never gives one up by itself, which may leave a gap: what is late is the caller's to
// find. Reports on records and errors come as events.
Result<KafkaClient> NewKafkaWriter(const KafkaOptions& options, Duration linger,
                                   const KafkaSettings& settings = {});
// Beside these: for many records, of which none may land behind one that did not, in large batches.
KafkaSettings KafkaBulkSettings();

// What came of a question that failed: PERMISSION_DENIED LOG_FORBIDDEN if the brokers refused this
// client's login meanwhile, which librdkafka takes for a connection that fails; else `failed`.
// Takes all events off the client's queue, which has RD_KAFKA_EVENT_ERROR.
Status KafkaLoginRefused(rd_kafka_t* client, Status failed);

// Milliseconds as librdkafka takes them.
int KafkaMillis(Duration duration);

// "Local: Timed out", or what the broker said.
std::string KafkaErrorText(rd_kafka_resp_err_t error);

}  // namespace epigrid
