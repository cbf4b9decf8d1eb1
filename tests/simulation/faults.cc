#include "tests/simulation/faults.h"

#include "tests/simulation/rubbish.h"

namespace epigrid {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// In all, so that the facts of a run do not grow old.
constexpr Duration kSuspendedMax = hours(30);

}  // namespace

Faults::Faults(World& world) : world_(world) {
  SimRandom& random = world_.random();
  kinds_ = {{"crash", &Faults::Crash, 8},
            {"stall", &Faults::Stall, 4},
            {"crash a worker", &Faults::CrashActor, 2},
            {"stall a worker", &Faults::StallActor, 2},
            {"drain", &Faults::DrainProcess, 2},
            {"lose view tail", &Faults::LoseViewTail, 6},
            {"lose view", &Faults::LoseView, 1},
            {"freeze view", &Faults::FreezeView, 1},
            {"freeze log", &Faults::FreezeLog, 1},
            {"fill log", &Faults::FillLog, 1},
            {"cut log connections", &Faults::CutLogConnections, 1},
            {"move shard", &Faults::MoveShard, 3},
            {"rebuild", &Faults::RequestRebuild, 1},
            {"rubbish", &Faults::WriteRubbish, 4},
            {"suspend", &Faults::Suspend, 1}};
  // In half of the runs many kinds of faults never happen.
  const double kept = random.Chance(0.5) ? 1 : 0.3;
  for (Kind& kind : kinds_) {
    if (!random.Chance(kept)) kind.weight = 0;
    weights_ += kind.weight;
  }
  static constexpr Duration kBetween[] = {milliseconds(100), milliseconds(400), seconds(2)};
  between_max_ = kBetween[random.Below(std::size(kBetween))];
  wrong_clocks_ = random.Chance(0.4) ? 0.3 : 0;
}

Duration Faults::NewClockError() {
  SimRandom& random = world_.random();
  if (stopped_ || !random.Chance(wrong_clocks_)) return {};
  const Duration error = random.Between(seconds(31), hours(24 * 20));
  return random.Chance(0.5) ? error : -error;
}

void Faults::SetLinkFaults() {
  SimRandom& random = world_.random();
  auto set = [&](SimLinkOptions& link) {
    link.latency_max = random.Between(Duration(100), milliseconds(5));
    if (random.Chance(0.5)) link.lost_request = 0.005;
    if (random.Chance(0.5)) link.lost_answer = 0.005;
    if (random.Chance(0.3)) link.slow = 0.01;
  };
  set(world_.log().link);
  for (const auto& service : world_.services()) set(service->view().link);
  SimLogOptions& log = world_.log().options;
  log.torn_appends = random.Chance(0.5);
  log.poll_fails = random.Chance(0.3) ? 0.01 : 0;
  log.append_unknown = random.Chance(0.5) ? 0.01 : 0;
  log.polled_records_max = 1 + random.Below(20);
}

void Faults::Begin() {
  SetLinkFaults();
  if (weights_ > 0) HappenLater();
}

void Faults::HappenLater() {
  world_.scheduler().After(world_.random().Between({}, between_max_), [this] {
    if (stopped_) return;
    HappenNow();
    HappenLater();
  });
}

void Faults::HappenNow() {
  auto dice = static_cast<double>(world_.random().Below(1'000'000)) / 1e6 * weights_;
  for (const Kind& kind : kinds_) {
    dice -= kind.weight;
    if (dice >= 0 || kind.weight == 0) continue;
    world_.Trace("fault: {}", kind.name);
    (this->*kind.happen)();
    return;
  }
}

SimService& Faults::AnyService() {
  return *world_.services()[world_.random().Below(world_.services().size())];
}

void Faults::Crash() {
  SimService& service = AnyService();
  const size_t index = world_.random().Below(SimService::kInstances);
  if (service.instance(index) != nullptr) service.Crash(index);
  world_.scheduler().After(world_.random().Between({}, seconds(2)), [this, &service, index] {
    if (service.instance(index) == nullptr) service.Start(index, NewClockError());
  });
}

void Faults::DrainProcess() {
  SimService& service = AnyService();
  const size_t index = world_.random().Below(SimService::kInstances);
  service.StopGracefully(index);
  world_.scheduler().After(world_.random().Between(seconds(2), seconds(4)),
                           [this, &service, index] {
                             if (service.instance(index) == nullptr) {
                               service.Start(index, NewClockError());
                             }
                           });
}

void Faults::Stall() {
  SimInstance* instance = AnyService().instance(world_.random().Below(SimService::kInstances));
  if (instance != nullptr) {
    instance->process.StallFor(world_.random().Between(milliseconds(10), seconds(8)));
  }
}

void Faults::CrashActor() {
  if (world_.actors().empty()) return;
  SimActor& actor = *world_.actors()[world_.random().Below(world_.actors().size())];
  actor.Crash();
  world_.scheduler().After(world_.random().Between({}, seconds(2)),
                           [this, &actor] { actor.Start(NewClockError()); });
}

void Faults::StallActor() {
  if (world_.actors().empty()) return;
  world_.actors()[world_.random().Below(world_.actors().size())]->StallFor(
      world_.random().Between(milliseconds(10), seconds(15)));
}

void Faults::LoseViewTail() {
  SimViewStorage& view = AnyService().view();
  view.LoseTail(static_cast<Shard>(world_.random().Below(world_.options().shard_count)),
                1 + world_.random().Below(6));
}

void Faults::LoseView() {
  SimViewStorage& view = AnyService().view();
  const bool all = world_.random().Chance(0.3);
  const auto one = static_cast<Shard>(world_.random().Below(world_.options().shard_count));
  for (Shard shard = 0; shard < world_.options().shard_count; ++shard) {
    if (all || shard == one) view.LoseAll(shard);
  }
}

void Faults::FreezeView() {
  SimLinkOptions& link = AnyService().view().link;
  link.frozen = true;
  world_.scheduler().After(world_.random().Between({}, seconds(4)), [&link] { link.Thaw(); });
}

void Faults::FreezeLog() {
  SimLinkOptions& link = world_.log().link;
  link.frozen = true;
  world_.scheduler().After(world_.random().Between({}, seconds(4)), [&link] { link.Thaw(); });
}

void Faults::FillLog() {
  world_.log().SetFull(true);
  world_.scheduler().After(world_.random().Between({}, seconds(1)),
                           [this] { world_.log().SetFull(false); });
}

void Faults::CutLogConnections() { world_.log().Crash(); }

void Faults::MoveShard() {
  SimService& service = AnyService();
  const size_t index = world_.random().Below(SimService::kInstances);
  const auto shard = static_cast<Shard>(world_.random().Below(world_.options().shard_count));
  if (service.instance(index) == nullptr) return;
  service.instance(index)->assignment.Take(
      shard, world_.random().Chance(0.5) ? Revocation::kHandover : Revocation::kLeaseLost);
  world_.scheduler().After(world_.random().Between({}, seconds(3)), [&service, index, shard] {
    if (service.instance(index) != nullptr) service.instance(index)->assignment.Give(shard);
  });
}

void Faults::RequestRebuild() {
  SimService& service = AnyService();
  Event event;
  event.mutable_rebuild_requested()->set_rebuild_id(std::to_string(world_.random().Next()));
  world_.client().SendTo(
      {service.inbox(), static_cast<Shard>(world_.random().Below(world_.options().shard_count))},
      "", std::move(event));
}

void Faults::WriteRubbish() {
  if (!world_.draw_rubbish) return;
  NewRecord record = world_.draw_rubbish();
  world_.NoteRubbish(record);
  world_.Trace("rubbish for {}/{} with the key {}: {}", record.to.topic, record.to.shard,
               record.key, ReasonToPark(record.value));
  if (world_.random().Chance(0.5)) return world_.client().SendRecord(std::move(record));
  // From a process that dies with it in flight, or when it has landed.
  struct Stranger {
    Stranger(SimScheduler& scheduler, SimLogStorage& storage)
        : process(scheduler), log(storage, process), producer(log.NewProducer()) {}
    SimProcess process;
    SimLog log;
    std::unique_ptr<Producer> producer;
  };
  const auto stranger = std::make_shared<Stranger>(world_.scheduler(), world_.log());
  (void)stranger->producer->Append({std::move(record)});
  world_.scheduler().After(world_.random().Between({}, milliseconds(10)), [stranger] {});
}

void Faults::Suspend() {
  const Duration duration = world_.random().Between(seconds(1), hours(3));
  if (suspended_ + duration > kSuspendedMax) return;
  suspended_ += duration;
  world_.scheduler().Jump(duration);
}

}  // namespace epigrid
