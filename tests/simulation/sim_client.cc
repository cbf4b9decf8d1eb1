#include "tests/simulation/sim_client.h"

#include <utility>

#include "common/base/proto_time.h"
#include "common/projector/emission.h"

namespace epigrid {
namespace {

constexpr size_t kProducers = 2;

}  // namespace

SimClient::SimClient(SimScheduler& world, SimLogStorage& log, uint32_t shard_count)
    : world_(world), process_(world), log_(log, process_), shard_count_(shard_count) {
  for (size_t i = 0; i < kProducers; ++i) producers_.push_back(log_.NewProducer());
}

SimClient::~SimClient() = default;

void SimClient::Send(const std::string& service, const std::string& entity, Event event) {
  SendTo({InboxTopic(service), ShardOf(entity, shard_count_)}, entity, std::move(event));
}

void SimClient::SendTo(const TopicShard& to, const std::string& key, Event event) {
  Envelope envelope;
  envelope.set_schema_version(kSchemaVersion);
  *envelope.mutable_recorded_at() = ToProto(world_.Now());
  envelope.set_actor("agency:simulation");
  *envelope.add_events() = std::move(event);
  SendRecord({to, key, envelope.SerializeAsString()});
}

void SimClient::SendRecord(NewRecord record) {
  const std::string name =
      record.to.topic + "/" + std::to_string(record.to.shard) + "/" + record.key;
  queues_[name].records.push_back(std::move(record));
  ++under_way_;
  Begin(name);
}

void SimClient::Begin(const std::string& queue) {
  if (!std::exchange(queues_[queue].sending, true)) Spawn(Drain(queue));
}

Task<void> SimClient::Drain(std::string queue) {
  Queue& mine = queues_[queue];
  while (!mine.records.empty()) {
    const NewRecord record = mine.records.front();
    std::unique_ptr<Producer>& producer = world_.random().Pick(producers_);
    if (producer->broken()) producer = log_.NewProducer();
    auto appended = co_await producer->Append({record});
    if (!appended.ok()) {
      ++resent_;
      co_await process_.Sleep(world_.random().Between({}, std::chrono::milliseconds(500)));
      continue;
    }
    acknowledged_.push_back({record.to, appended->front(), record.value});
    if (world_.random().Chance(duplicates)) continue;
    mine.records.pop_front();
    --under_way_;
  }
  mine.sending = false;
}

}  // namespace epigrid
