// Outbox: what the sender sees of the service: messages that are offered, and the log that takes
// its events.
//
// Implementations: ServiceOutbox (service_outbox.h), and those of tests and simulations. Threads:
// called, and ends, on the thread of the sender's scheduler.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/shard.h"
#include "common/base/status.h"
#include "common/base/task.h"
#include "epigrid/events/v1/envelope.pb.h"
#include "epigrid/notification/state/v1/state.pb.h"

namespace epigrid::notification {

// Names a message.
struct MessageRef {
  std::string person_id;
  std::string message_id;
};

// An event for the shard of a person.
struct PersonEvent {
  std::string person_id;
  events::v1::Event event;
};

class Outbox {
 public:
  virtual ~Outbox() = default;

  // Up to `limit` work items (view/keys.h) that are offered in this shard after this one, in byte
  // order.
  virtual Task<Result<std::vector<std::string>>> Offered(Shard shard, std::string after,
                                                         size_t limit) = 0;
  virtual Task<Result<uint64_t>> CountOffered(Shard shard) = 0;
  // One for each, as it stands; nullopt: it is forgotten.
  virtual Task<Result<std::vector<std::optional<state::v1::StoredMessage>>>> Read(
      std::vector<MessageRef> messages) = 0;
  // Appends all; where they are. OUTCOME_UNKNOWN: any of them may be in the log.
  virtual Task<Result<std::vector<ShardPosition>>> Append(std::vector<PersonEvent> events) = 0;
  // Whether a record of the person could not be folded, so that an attempt would wait behind it.
  virtual bool IsParked(const std::string& person_id) const = 0;
  // Until what stands there is in the view.
  virtual Task<Status> AwaitApplied(std::vector<ShardPosition> positions, Time deadline) = 0;
};

}  // namespace epigrid::notification
