#include "common/kafka/queue_watch.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <utility>

namespace epigrid {
namespace {

constexpr uint64_t kOne = 1;

}  // namespace

struct KafkaQueueWatch::Handle {
  uv_poll_t poll;
  int descriptor = -1;  // eventfd, which librdkafka writes to
  std::function<void()> on_ready;
  std::atomic<bool> closed = false;
};

KafkaQueueWatch::KafkaQueueWatch(EventLoop& loop, rd_kafka_queue_t* queue,
                                 std::function<void()> on_ready)
    : loop_(loop), queue_(queue), handle_(new Handle{.poll = {}, .on_ready = std::move(on_ready)}) {
  handle_->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  EPIGRID_CHECK(handle_->descriptor >= 0, "no descriptor for a queue of Kafka");
  loop_.Post([this_loop = &loop_, handle = handle_] {
    uv_poll_init(this_loop->uv(), &handle->poll, handle->descriptor);
    handle->poll.data = handle;
    uv_poll_start(&handle->poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
      auto* ready = static_cast<Handle*>(poll->data);
      uint64_t count = 0;
      // Before the queue is looked at, so that what comes meanwhile is heard of.
      [[maybe_unused]] const ssize_t size = read(ready->descriptor, &count, sizeof(count));
      if (!ready->closed) ready->on_ready();
    });
    this_loop->TurnAgain();
  });
  rd_kafka_queue_io_event_enable(queue_, handle_->descriptor, &kOne, sizeof(kOne));
  // What came before is told of by nobody else, nor anything that comes behind it.
  [[maybe_unused]] const ssize_t size = write(handle_->descriptor, &kOne, sizeof(kOne));
}

KafkaQueueWatch::~KafkaQueueWatch() {
  rd_kafka_queue_io_event_enable(queue_, -1, nullptr, 0);
  handle_->closed = true;
  loop_.Post([this_loop = &loop_, handle = handle_] {
    uv_close(reinterpret_cast<uv_handle_t*>(&handle->poll), [](uv_handle_t* closed) {
      auto* gone = static_cast<Handle*>(closed->data);
      close(gone->descriptor);
      delete gone;
    });
    this_loop->TurnAgain();
  });
}

}  // namespace epigrid
