// KafkaLog's Producer. Not for use outside of this directory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/event_log/kafka_core.h"

namespace epigrid {

class KafkaProducer final : public Producer {
 public:
  explicit KafkaProducer(KafkaCore& core);
  // What is on its way may still land; what is queued does not. Who waits is answered soon. From
  // any thread.
  ~KafkaProducer() override;

  Future<Result<std::vector<Offset>>> Append(std::vector<NewRecord> records) override;
  bool broken() const override;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
