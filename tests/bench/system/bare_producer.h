// BareProducer: what librdkafka itself does against the same broker: the baseline of the log on
// Kafka. Idempotent, acks=all, as the log's own producers are; records of 150 bytes, keyed, over 64
// partitions.
#pragma once

#include "common/kafka/handle.h"
#include "common/kafka/options.h"
#include "tests/bench/system/closed_loop.h"

namespace epigrid::bench {

class BareProducer {
 public:
  // `linger`: how long it gathers records before it sends them; librdkafka's own default is 5 ms.
  BareProducer(const KafkaOptions& options, std::chrono::milliseconds linger);

  // As fast as its queue takes them, until all are acknowledged.
  LoadResult Stream(Duration duration);
  // One after the other, each waited for.
  LoadResult OneByOne(Duration duration);

 private:
  size_t TakeAcknowledged(int wait_millis);

  const KafkaClient client_;
  const KafkaTopic topic_;
};

}  // namespace epigrid::bench
