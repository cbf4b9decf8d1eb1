#include "tests/simulation/world.h"

#include <cstdio>
#include <utility>

#include "common/projector/parking.h"
#include "epigrid/internal/v1/projector_state.pb.h"
#include "tests/simulation/breaks.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/rubbish.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How often it is looked whether everything is at rest, and for how long once it is healed.
constexpr Duration kLookAtRest = milliseconds(500);
constexpr int kLooksAtRestMax = 480;

}  // namespace

World::World(WorldOptions options, std::vector<ServiceSpec> services)
    : options_(std::move(options)), scheduler_(options_.seed), log_(scheduler_) {
  for (ServiceSpec& spec : services) {
    services_.push_back(
        std::make_unique<SimService>(scheduler_, log_, std::move(spec), options_.shard_count));
    services_.back()->kills = [this](const Event& event) {
      return !killers_mended_ && killers_.contains(event.SerializeAsString());
    };
  }
  client_ = std::make_unique<SimClient>(scheduler_, log_, options_.shard_count);
  faults_ = std::make_unique<Faults>(*this);
  if (!options_.broken.empty()) {
    EPIGRID_CHECK(ApplyBreak(*this, options_.broken), "there is no such rule to break");
  }
}

World::~World() = default;

SimService& World::service(std::string_view name) {
  for (const auto& service : services_) {
    if (service->name() == name) return *service;
  }
  CheckFailed(__FILE__, __LINE__, "name", "there is no such service");
}

void World::RunChaos(size_t actions, const std::function<void()>& act) {
  faults_->Begin();
  for (const auto& service : services_) {
    for (size_t i = 0; i < SimService::kInstances; ++i) {
      service->Start(i, faults_->NewClockError());
    }
  }
  for (const auto& actor : actors_) actor->Start(faults_->NewClockError());
  const Duration pause_max = milliseconds(20 + random().Below(200));
  for (size_t i = 0; i < actions; ++i) {
    const uint64_t until = scheduler_.steps() + 1;
    bool passed = false;
    scheduler_.After(random().Between({}, pause_max), [&passed] { passed = true; });
    scheduler_.RunUntil([&] { return passed && scheduler_.steps() >= until; });
    act();
  }
  // Faults go on a little, with what was done under way.
  bool passed = false;
  scheduler_.After(random().Between({}, seconds(3)), [&passed] { passed = true; });
  scheduler_.RunUntil([&] { return passed; });
}

void World::Heal() {
  faults_->Stop();
  auto heal = [](SimLinkOptions& link) {
    link.lost_request = link.lost_answer = link.slow = 0;
    link.Thaw();
  };
  heal(log_.link);
  log_.SetFull(false);
  log_.options.poll_fails = log_.options.append_unknown = 0;
  for (const auto& service : services_) {
    heal(service->view().link);
    for (size_t i = 0; i < SimService::kInstances; ++i) {
      if (service->instance(i) != nullptr) service->instance(i)->process.set_clock_error({});
    }
  }
  for (const auto& actor : actors_) actor->MendClock();
}

bool World::ComeToRest() {
  Trace("healed");
  Heal();
  std::string unrest_now;
  int quiet_looks = 0;
  std::map<std::pair<std::string, Shard>, Offset> quiet_before;
  for (int look = 0; look < kLooksAtRestMax; ++look) {
    bool passed = false;
    scheduler_.After(kLookAtRest, [&passed] { passed = true; });
    scheduler_.RunUntil([&] { return passed; });
    for (const auto& service : services_) {
      for (size_t i = 0; i < SimService::kInstances; ++i) {
        if (service->instance(i) == nullptr) service->Start(i, {});
        for (Shard shard = 0; shard < options_.shard_count; ++shard) {
          service->instance(i)->assignment.Give(shard);
        }
      }
    }
    for (const auto& actor : actors_) actor->Start({});
    unrest_now = Unrest();
    std::map<std::pair<std::string, Shard>, Offset> quiet;
    for (const auto& service : services_) {
      for (Shard shard = 0; shard < options_.shard_count; ++shard) {
        const ShardImage* live = service->view().Live(shard);
        quiet[{service->name(), shard}] = live == nullptr ? 0 : live->meta.quiet;
      }
    }
    quiet_looks = unrest_now.empty() && quiet == quiet_before ? quiet_looks + 1 : 0;
    quiet_before = std::move(quiet);
    if (quiet_looks < 2) continue;
    CheckParked();
    MendKillers();
    bool retried = false;
    RetryParked(&retried);
    quiet_looks = 0;
    if (retried) continue;
    unrest_now = IdleOwner();
    if (unrest_now.empty())
      unrest_now = Unrest();  // while the owners were asked, a Tick may have come
    if (unrest_now.empty()) return true;
  }
  Fail("it does not come to rest: " + unrest_now);
  TraceHosts();
  return false;
}

void World::ForEachOwned(
    const std::function<void(SimService&, size_t, const ProjectedShard&)>& tell) {
  for (const auto& service : services_) {
    for (size_t i = 0; i < SimService::kInstances; ++i) {
      if (service->instance(i) == nullptr) continue;
      auto asked = service->instance(i)->host.Snapshot();
      scheduler_.RunUntil([&] { return asked.ready(); });
      for (const ProjectedShard& shard : std::move(asked).Wait().shards) tell(*service, i, shard);
    }
  }
}

void World::TraceHosts() {
  if (!options_.trace) return;
  ForEachOwned([this](SimService& service, size_t instance, const ProjectedShard& shard) {
    Trace("{} {} shard {}: {} {} generation {}{} applied {} queued {} building {}", service.name(),
          instance, shard.shard, shard.state, shard.problem, shard.generation,
          shard.live ? " live" : "", shard.applied, shard.queued_records,
          shard.building_generation);
  });
}

std::string World::IdleOwner() {
  std::string idle;
  ForEachOwned([&](SimService& service, size_t instance, const ProjectedShard& shard) {
    const ShardImage* live = service.view().Live(shard.shard);
    const bool folds = shard.state == "LIVE" && shard.live && live != nullptr &&
                       shard.applied == live->meta.applied;
    if (folds) return;
    idle = fmt::format("instance {} of {} does not fold its shard {}: {} at {} {}", instance,
                       service.name(), shard.shard, shard.state, shard.applied, shard.problem);
  });
  return idle;
}

std::string World::Unrest() {
  if (client_->under_way() > 0) return fmt::format("{} commands under way", client_->under_way());
  if (log_.parts_under_way() > 0) return "records are on their way to the log";
  for (const auto& service : services_) {
    for (Shard shard = 0; shard < options_.shard_count; ++shard) {
      const ShardImage* live = service->view().Live(shard);
      const Offset end = log_.shard({service->inbox(), shard}).end;
      if (live == nullptr) return fmt::format("{} shard {} has no view", service->name(), shard);
      if (live->meta.applied != end) {
        return fmt::format("{} shard {} is at {} of {}", service->name(), shard, live->meta.applied,
                           end);
      }
      for (const std::string& topic : service->fold().subscriptions()) {
        const Offset topic_end = log_.shard({topic, shard}).end;
        const Offset floor = log_.Floor(service->name(), {topic, shard});
        if (floor < topic_end) {
          return fmt::format("{} has copied {}/{} to {} of {}", service->name(), topic, shard,
                             floor, topic_end);
        }
      }
    }
  }
  return unrest ? unrest() : std::string();
}

bool World::IsRubbish(const TopicShard& of, const std::string& value) const {
  const auto found = rubbish_.find(of);
  return found != rubbish_.end() && found->second.contains(value);
}

std::string_view World::ReasonOf(const LogRecord& record) const {
  const std::string_view reason = ReasonToPark(record.value);
  if (!reason.empty()) return reason;
  Envelope envelope;
  envelope.ParseFromString(record.value);
  for (const Event& event : envelope.events()) {
    if (killers_.contains(event.SerializeAsString())) return kParkedCrashed;
  }
  return {};
}

void World::CheckParked() {
  for (const auto& service : services_) {
    for (Shard shard = 0; shard < options_.shard_count; ++shard) {
      const TopicShard inbox{service->inbox(), shard};
      std::set<std::string> seen;
      for (const LogRecord& record : log_.Ever(inbox)) {
        const std::string position = PositionOf(record.value);
        const bool repeated = !position.empty() && !seen.insert(position).second;
        const std::string_view want = repeated ? std::string_view() : ReasonOf(record);
        const auto& metadata = log_.metadata(inbox);
        const auto found = metadata.find(fmt::format("{}{}", kParkedPrefix, record.offset));
        const std::string got = found == metadata.end() ? "" : found->second;
        if (got == want) continue;
        Fail(fmt::format("{} shard {}: the record at {} is parked as '{}' and not as '{}'",
                         service->name(), shard, record.offset, got, want));
      }
    }
  }
}

void World::MendKillers() {
  if (killers_.empty() || std::exchange(killers_mended_, true)) return;
  // By another binary, that is, in other processes.
  for (const auto& service : services_) {
    for (size_t i = 0; i < SimService::kInstances; ++i) {
      service->Crash(i);
      service->Start(i, {});
    }
  }
}

void World::RetryParked(bool* retried) {
  for (const auto& service : services_) {
    for (Shard shard = 0; shard < options_.shard_count; ++shard) {
      const auto& strings = service->view().Live(shard)->strings;
      auto cell = strings.find(std::string(kParkedCell));
      if (cell == strings.end()) continue;
      const std::optional<ParkedRecords> records = ParkedRecords::Decode(cell->second);
      EPIGRID_CHECK(records.has_value(), "the cell of parked records does not parse");
      for (const ParkedRoot& root : records->roots()) {
        if (root.reason != kParkedCrashed &&
            !rubbish_retried_.insert({{service->inbox(), shard}, root.offset}).second) {
          continue;
        }
        *retried = true;
        Trace("retry {} shard {}: {} {}", service->name(), shard, root.offset, root.reason);
        Event event;
        event.mutable_unparked()->set_offset(root.offset);
        client_->SendTo({service->inbox(), shard}, "", std::move(event));
      }
    }
  }
}

void World::TraceLine(const std::string& line) {
  std::printf("%12.3f %s\n", static_cast<double>(scheduler_.Now().micros % 100'000'000'000) / 1e6,
              line.c_str());
}

}  // namespace epigrid
