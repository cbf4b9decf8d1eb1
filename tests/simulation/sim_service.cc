#include "tests/simulation/sim_service.h"

#include <fmt/format.h>

#include "common/projector/emission.h"
#include "tests/simulation/witness_fold.h"

namespace epigrid {

SimInstance::SimInstance(SimScheduler& world, SimLogStorage& log_storage,
                         SimViewStorage& view_storage, std::unique_ptr<Fold> folding,
                         const ProjectorHostOptions& options, Duration clock_error,
                         ProjectorObserver* observer)
    : process(world),
      log(log_storage, process),
      view(view_storage, process),
      assignment(process, options.shard_count),
      fold(std::move(folding)),
      host(process, log, view, assignment, *fold, options, observer) {
  process.set_clock_error(clock_error);
  host.Start();
}

SimService::SimService(SimScheduler& world, SimLogStorage& log, ServiceSpec spec,
                       uint32_t shard_count)
    : world_(world),
      log_(log),
      spec_(std::move(spec)),
      inbox_(InboxTopic(spec_.name)),
      shard_count_(shard_count),
      fold_(std::make_unique<WitnessFold>(spec_.make_fold())),
      audits_(world.random().Chance(0.7)) {
  view_.on_commit = [this](Shard shard, const GuardedBatch& batch) {
    if (batch.next >= kLoadingFrom) return;  // a part of a snapshot
    commits_.push_back({shard, batch.generation, batch.next, batch.digest, batch.shard_time});
  };
}

void SimService::Start(size_t instance, Duration clock_error) {
  EPIGRID_CHECK(instances_[instance] == nullptr, "it runs");
  ProjectorHostOptions options;
  options.instance = fmt::format("{}-{}", spec_.name, ++incarnations_);
  options.configuration = spec_.configuration;
  options.shard_count = shard_count_;
  options.drop_after = std::chrono::seconds(1);
  // Small numbers, so that caches forget and queues fill up.
  options.cache_bytes_max =
      size_t{shard_count_} * (world_.random().Chance(0.5) ? 2'000 : 1'000'000);
  if (audits_) {
    options.audit_interval =
        world_.random().Between(std::chrono::seconds(1), std::chrono::seconds(20));
    options.audit.retention = world_.random().Between({}, std::chrono::seconds(10));
  } else {
    options.audit_interval = {};
  }
  options.queued_records_max = world_.random().Chance(0.5) ? 10 : 2'000;
  if (world_.random().Chance(0.3)) options.queued_bytes_max = size_t{2'000} * options.shard_count;
  auto folding = std::make_unique<WitnessFold>(
      spec_.make_fold(), [this, instance](const Event& event) { return DiesOf(instance, event); });
  instances_[instance] = std::make_unique<SimInstance>(world_, log_, view_, std::move(folding),
                                                       options, clock_error, &observer_);
}

bool SimService::DiesOf(size_t instance, const Event& event) {
  if (!kills || !kills(event)) return false;
  ++observer_.counts["KILLED"];
  SimInstance* dying = instances_[instance].get();
  dying->process.StallFor(std::chrono::seconds(1));  // not one step further
  world_.Post([this, instance, dying] {
    if (instances_[instance].get() == dying) Crash(instance);
  });
  world_.After(world_.random().Between({}, std::chrono::seconds(2)), [this, instance] {
    if (instances_[instance] == nullptr) Start(instance, {});
  });
  return true;
}

void SimService::StopGracefully(size_t instance) {
  SimInstance* stopping = instances_[instance].get();
  if (stopping == nullptr) return;
  Spawn([](SimService* self, size_t index, SimInstance* expected) -> Task<void> {
    co_await expected->host.Stop();
    self->world_.Post([self, index, expected] {
      if (self->instances_[index].get() == expected) self->instances_[index].reset();
    });
  }(this, instance, stopping));
}

}  // namespace epigrid
