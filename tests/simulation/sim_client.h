// SimClient: the partners of a simulation. Each command is sent again until the log acknowledges
// it, and sometimes once more after that, as partners do.
//
//   client.Send("health_code.inbox", person_id, event);
//   client.acknowledged();        // what must never be lost
//
// Commands about one entity are sent in their order: the next one when the one before is
// acknowledged. Threads: one.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/projector/fold.h"
#include "tests/fakes/sim_log.h"

namespace epigrid {

class SimClient {
 public:
  struct Acknowledged {
    TopicShard to;
    Offset offset = 0;
    std::string value;
  };

  SimClient(SimScheduler& world, SimLogStorage& log, uint32_t shard_count);
  ~SimClient();

  // To the entity's shard of the service.
  void Send(const std::string& service, const std::string& entity, Event event);
  // To this shard, once what was sent there before is acknowledged.
  void SendTo(const TopicShard& to, const std::string& key, Event event);
  void SendRecord(NewRecord record);

  const std::vector<Acknowledged>& acknowledged() const { return acknowledged_; }
  size_t under_way() const { return under_way_; }
  uint64_t resent() const { return resent_; }
  // How often a command that was acknowledged is sent once more.
  double duplicates = 0.15;

 private:
  struct Queue {
    std::deque<NewRecord> records;
    bool sending = false;
  };
  void Begin(const std::string& queue);
  Task<void> Drain(std::string queue);

  SimScheduler& world_;
  SimProcess process_;
  SimLog log_;
  const uint32_t shard_count_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::map<std::string, Queue> queues_;  // by entity
  std::vector<Acknowledged> acknowledged_;
  size_t under_way_ = 0;
  uint64_t resent_ = 0;
};

}  // namespace epigrid
