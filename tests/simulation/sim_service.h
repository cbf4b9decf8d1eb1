// SimService: one service of the simulation: its view, and two processes that fold all of its
// shards at the same time with the production code.
//
//   SimService service(world, log, spec, shard_count);
//   service.Start(0);            // its first process
//   service.Crash(0);            // and its death between any two events
//
// Threads: one.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/projector/projector_host.h"
#include "tests/fakes/sim_log.h"
#include "tests/fakes/sim_view.h"
#include "tests/simulation/sim_assignment.h"

namespace epigrid {

// What a simulation knows of a service.
struct ServiceSpec {
  std::string name;
  std::function<std::unique_ptr<Fold>()> make_fold;
  std::string configuration;
};

// What runs in one process for as long as it lives.
struct SimInstance {
  SimInstance(SimScheduler& world, SimLogStorage& log_storage, SimViewStorage& view_storage,
              std::unique_ptr<Fold> folding, const ProjectorHostOptions& options,
              Duration clock_error, ProjectorObserver* observer);

  SimProcess process;
  SimLog log;
  SimView view;
  SimAssignment assignment;
  std::unique_ptr<Fold> fold;
  ProjectorHost host;
};

class SimService {
 public:
  static constexpr size_t kInstances = 2;
  // A batch that was applied to some generation of the view.
  struct Commit {
    Shard shard = 0;
    Generation generation = 0;
    Offset next = 0;
    Digest digest;
    Time shard_time;
  };

  SimService(SimScheduler& world, SimLogStorage& log, ServiceSpec spec, uint32_t shard_count);
  SimService(const SimService&) = delete;

  // Begins a process that is not there.
  void Start(size_t instance, Duration clock_error);
  void Crash(size_t instance) {
    if (instances_[instance] != nullptr) ++crashes_;
    instances_[instance].reset();
  }
  // How many processes have died.
  uint64_t crashes() const { return crashes_; }
  // Hands its shards back; it is gone at the end of it.
  void StopGracefully(size_t instance);
  // Asked for each event that is folded: after true the process has died, and another begins soon.
  std::function<bool(const Event&)> kills;
  // Null: it is dead.
  SimInstance* instance(size_t index) { return instances_[index].get(); }

  const ServiceSpec& spec() const { return spec_; }
  const std::string& name() const { return spec_.name; }
  const std::string& inbox() const { return inbox_; }
  const Fold& fold() const { return *fold_; }  // of nobody, to ask it
  uint32_t shard_count() const { return shard_count_; }
  SimViewStorage& view() { return view_; }
  const std::vector<Commit>& commits() const { return commits_; }
  // What its observers were told, by name: alerts, restarts and ignored events.
  const std::map<std::string, uint64_t>& counts() const { return observer_.counts; }

 private:
  struct Observer final : ProjectorObserver {
    void OnIgnored(Shard, std::string_view reason) override { ++counts[std::string(reason)]; }
    void OnRestart(Shard, const Status& why) override { ++counts["RESTART_" + why.reason()]; }
    void OnAudit(Shard, const Status& status) override { ++counts["AUDIT_" + status.reason()]; }
    void OnAlert(ProjectorAlert alert, Shard, std::string_view what) override {
      const bool given_up = what.find("never ended") != std::string_view::npos;
      ++counts[given_up ? "REBUILD_GIVEN_UP" : "ALERT_" + std::string(AlertName(alert))];
    }
    std::map<std::string, uint64_t> counts;
  };

  bool DiesOf(size_t instance, const Event& event);

  SimScheduler& world_;
  SimLogStorage& log_;
  const ServiceSpec spec_;
  const std::string inbox_;
  const uint32_t shard_count_;
  const std::unique_ptr<Fold> fold_;
  const bool audits_;  // in some runs nothing is ever cut
  SimViewStorage view_;
  Observer observer_;
  uint64_t crashes_ = 0;
  std::vector<Commit> commits_;
  uint64_t incarnations_ = 0;
  std::array<std::unique_ptr<SimInstance>, kInstances> instances_;
};

}  // namespace epigrid
