// KafkaGroup: assignment by a consumer group of Kafka, on the partitions of a service's inbox.
//
//   KafkaGroup group(loop, {.kafka = kafka, .group = "health_code", .topic = "health_code.inbox"});
//   group.Start(&projector_host);
//
// The group decides who works on which shard; records are read by KafkaLog's consumers. The brokers
// give the shards out in ranges of the members' names, all at once whenever one comes, leaves or is
// silent for `session_timeout`. Between two such decisions, the fraction of a second in which the
// members rejoin, everybody goes on with what they had: what stays where it was is never
// interrupted, and what moves is begun by its new owner while the old one still ends the batch in
// hand, which is harmless (assignment.h).
//
// So a shard of an instance that stops cleanly is taken over within about half a second, of one
// that died within session_timeout and that.
//
// Life cycle: construct, Start, Stop, destroy, on another thread than the loop's. Destroyed without
// Stop, its membership runs out, as when the process dies. Threads: any.
#pragma once

#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/event_log/assignment.h"
#include "common/kafka/options.h"

namespace epigrid {

struct KafkaGroupOptions {
  // client_id is the instance's name: unique among the group's members, readable to an operator.
  KafkaOptions kafka;
  std::string group;  // as the brokers know it
  std::string topic;  // as well; a partition for each shard
  // The brokers' group.min.session.timeout.ms bounds it from below: 6 s unless set otherwise.
  Duration session_timeout = std::chrono::seconds(6);
};

class KafkaGroup final : public Assignment {
 public:
  KafkaGroup(EventLoop& loop, KafkaGroupOptions options);
  ~KafkaGroup() override;

  void Start(ShardOwner* owner) override;
  Future<Done> Stop() override;
  Future<Result<std::map<Shard, std::string>>> Owners() override;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
