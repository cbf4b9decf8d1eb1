// KafkaLog's Consumer. Not for use outside of this directory.
#pragma once

#include <memory>
#include <vector>

#include "common/event_log/kafka_core.h"

namespace epigrid {

class KafkaConsumer final : public Consumer {
 public:
  explicit KafkaConsumer(KafkaCore& core);
  // A Poll under way ends with what it has. From any thread.
  ~KafkaConsumer() override;

  void Assign(const TopicShard& from, Offset after) override;
  void Unassign(const TopicShard& from) override;
  void SetPaused(const TopicShard& from, bool paused) override;
  Future<Result<std::vector<Polled>>> Poll(Duration wait) override;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
