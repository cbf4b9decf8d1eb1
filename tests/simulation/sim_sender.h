// SimSender: a process that runs notification's production sender over the simulated log and view,
// with a channel that keeps what reached the outside world.
//
// Threads: one.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "services/notification/sender/sender.h"
#include "tests/simulation/sim_actor.h"
#include "tests/simulation/world.h"

namespace epigrid {

// What reached the outside world, by all senders.
struct Delivered {
  std::string message_id;
  std::string person;  // the address, which is the person's id here
  std::string colour;
};
using Deliveries = std::vector<Delivered>;

// The outbox over the service's view and log: what ServiceOutbox is in production.
class SimOutbox final : public notification::Outbox {
 public:
  SimOutbox(World& world, SimService& service, SimProcess& process);

  Task<Result<std::vector<std::string>>> Offered(Shard shard, std::string after,
                                                 size_t limit) override;
  Task<Result<uint64_t>> CountOffered(Shard shard) override;
  Task<Result<std::vector<std::optional<notification::state::v1::StoredMessage>>>> Read(
      std::vector<notification::MessageRef> messages) override;
  Task<Result<std::vector<ShardPosition>>> Append(
      std::vector<notification::PersonEvent> events) override;
  bool IsParked(const std::string& person_id) const override;
  Task<Status> AwaitApplied(std::vector<ShardPosition> positions, Time deadline) override;

 private:
  SimService& service_;
  SimProcess& process_;
  SimLink link_;
  SimLog log_;
  std::unique_ptr<Producer> producer_;
};

class SimSender final : public SimActor {
 public:
  // All outlive it.
  SimSender(World& world, SimService& service, Deliveries& deliveries);
  ~SimSender() override;

  void Start(Duration clock_error) override;
  void Crash() override;
  bool running() const override { return running_ != nullptr; }
  void StallFor(Duration duration) override;
  void MendClock() override;

  // Of sends: they do not arrive, or nobody hears that they did.
  static constexpr double kFails = 0.15;

 private:
  struct Running;

  World& world_;
  SimService& service_;
  Deliveries& deliveries_;
  std::unique_ptr<Running> running_;
};

}  // namespace epigrid
