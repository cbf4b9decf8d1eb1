// KafkaQueueWatch: calls a function on an EventLoop when something has come to a queue of
// librdkafka, without a thread in between.
//
// The function is to take everything that is there: it is called again only when something comes to
// an empty queue. Made and destroyed on any thread; the function may still be called once more
// while it is being destroyed on another thread than the loop's, and never after that.
#pragma once

#include <functional>
#include <memory>

#include "common/base/event_loop.h"
#include "common/kafka/handle.h"

namespace epigrid {

class KafkaQueueWatch {
 public:
  // The queue outlives it.
  KafkaQueueWatch(EventLoop& loop, rd_kafka_queue_t* queue, std::function<void()> on_ready);
  ~KafkaQueueWatch();
  KafkaQueueWatch(const KafkaQueueWatch&) = delete;
  KafkaQueueWatch& operator=(const KafkaQueueWatch&) = delete;

 private:
  struct Handle;
  EventLoop& loop_;
  rd_kafka_queue_t* queue_;
  Handle* handle_;  // frees itself on the loop's thread
};

}  // namespace epigrid
