// ServiceOutbox: the sender's outbox in production, over a running service.
#pragma once

#include "common/service/service_runtime.h"
#include "services/notification/sender/outbox.h"

namespace epigrid::notification {

// Threads: the runtime's loop(), which is the sender's scheduler. The runtime outlives it.
class ServiceOutbox final : public Outbox {
 public:
  explicit ServiceOutbox(ServiceRuntime& runtime) : runtime_(runtime) {}

  Task<Result<std::vector<std::string>>> Offered(Shard shard, std::string after,
                                                 size_t limit) override;
  Task<Result<uint64_t>> CountOffered(Shard shard) override;
  Task<Result<std::vector<std::optional<state::v1::StoredMessage>>>> Read(
      std::vector<MessageRef> messages) override;
  Task<Result<std::vector<ShardPosition>>> Append(std::vector<PersonEvent> events) override;
  bool IsParked(const std::string& person_id) const override;
  Task<Status> AwaitApplied(std::vector<ShardPosition> positions, Time deadline) override;

 private:
  ServiceRuntime& runtime_;
};

// What is still to be sent, in all shards, for quiet.h.
Task<Result<PendingWork>> PendingMessages(ServiceRuntime& runtime, Time until);

}  // namespace epigrid::notification
