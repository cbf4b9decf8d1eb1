// World: one run of the simulation: services on a common log, clients that append commands, and
// faults, all drawn from one seed.
//
//   World world({.seed = 7}, services);
//   world.RunChaos(workload);            // faults and commands
//   world.ComeToRest();                  // no more faults; until nothing moves
//   CheckLogs(world);                    // checks.h
//
// Threads: one.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/fakes/sim_log.h"
#include "tests/fakes/sim_scheduler.h"
#include "tests/simulation/sim_actor.h"
#include "tests/simulation/sim_client.h"
#include "tests/simulation/sim_service.h"

namespace epigrid {

struct WorldOptions {
  uint64_t seed = 1;
  uint32_t shard_count = 4;
  std::string broken;  // a rule (breaks.h); empty: none
  bool trace = false;  // says on standard output what happens
};

class World {
 public:
  World(WorldOptions options, std::vector<ServiceSpec> services);
  World(const World&) = delete;
  ~World();

  // Other processes; before RunChaos, which starts them.
  void AddActor(std::unique_ptr<SimActor> actor) { actors_.push_back(std::move(actor)); }
  const std::vector<std::unique_ptr<SimActor>>& actors() const { return actors_; }
  // What else must be at rest: says what is not.
  std::function<std::string()> unrest;

  // Whoever folds this event dies of it, until the world has come to rest for the first time.
  void AddKiller(const Event& event) { killers_.insert(event.SerializeAsString()); }

  // Draws a record that no fold can take (rubbish.h), for faults to write; none is written without.
  std::function<NewRecord()> draw_rubbish;
  void NoteRubbish(const NewRecord& record) { rubbish_[record.to].insert(record.value); }
  // Whether this is one of those, and not a subscription's copy.
  bool IsRubbish(const TopicShard& of, const std::string& value) const;

  // Lets faults and `act` (about `actions` times) happen for a while.
  void RunChaos(size_t actions, const std::function<void()>& act);
  // Heals everything and lets it run until nothing moves any more; parked records are retried.
  // False: it does not come to rest, and problem() says what still moves.
  bool ComeToRest();

  SimScheduler& scheduler() { return scheduler_; }
  SimRandom& random() { return scheduler_.random(); }
  SimLogStorage& log() { return log_; }
  const std::vector<std::unique_ptr<SimService>>& services() const { return services_; }
  SimService& service(std::string_view name);
  // The partners: what they send is retried until it is acknowledged.
  SimClient& client() { return *client_; }
  const WorldOptions& options() const { return options_; }

  // What went wrong.
  void Fail(std::string problem) { problems_.push_back(std::move(problem)); }
  const std::vector<std::string>& problems() const { return problems_; }

  template <typename... T>
  void Trace(fmt::format_string<T...> format, T&&... arguments) {
    if (options_.trace) TraceLine(fmt::format(format, std::forward<T>(arguments)...));
  }

 private:
  friend class Faults;

  void TraceLine(const std::string& line);
  void Heal();
  void TraceHosts();
  // What is not at rest; empty: everything is.
  std::string Unrest();
  // An owner that has given its shard up though another one folds it; empty: there is none.
  std::string IdleOwner();
  void ForEachOwned(const std::function<void(SimService&, size_t, const ProjectedShard&)>& tell);
  // That what kills and what nobody understands is parked, and nothing else is.
  void CheckParked();
  std::string_view ReasonOf(const LogRecord& record) const;
  void MendKillers();
  // Rubbish only once: it stays rubbish. Sets `*retried` when something was.
  void RetryParked(bool* retried);

  const WorldOptions options_;
  SimScheduler scheduler_;
  SimLogStorage log_;
  std::vector<std::unique_ptr<SimService>> services_;
  std::vector<std::unique_ptr<SimActor>> actors_;
  std::unique_ptr<SimClient> client_;
  std::unique_ptr<class Faults> faults_;
  std::set<std::string> killers_;
  bool killers_mended_ = false;
  std::map<TopicShard, std::set<std::string>> rubbish_;  // values
  std::set<std::pair<TopicShard, Offset>> rubbish_retried_;
  std::vector<std::string> problems_;
};

}  // namespace epigrid
