// ServiceRuntime: what every service consists of besides its fold and its API, wired once.
//
//   ServiceRuntime runtime(options, process.loop(), std::make_unique<HealthCodeFold>(),
//                          policy.SerializeAsString(), metrics);
//   EPIGRID_RETURN_IF_ERROR(runtime.Start());
//   HealthCodeApi api(pipeline, runtime.shards(), runtime.cells(), runtime.commands(), clock);
//   ...
//   runtime.Stop();
//
// Two loops: the API's, which is the process's and serves its calls, with the shard table, queries
// and commands; and the projector's own, with the log's consumer, the leases and the fold, so that
// a long fold delays no query. A process without the projector role uses only the first.
//
// Life cycle: construct, Start, Stop, destroy, all on one thread that is none of the loops'. Start
// waits until the log answers, however long that takes, and two seconds for the view: without it
// the service starts all the same, takes observations, and is not ready (view_watch.h). Stop hands
// the shards back first, so that others take them at once. Threads: loop(), shards(), cells(),
// commands() and log() may be used from any.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/event_loop.h"
#include "common/event_log/assignment.h"
#include "common/event_log/event_log.h"
#include "common/metrics/metrics.h"
#include "common/projector/cell_query.h"
#include "common/projector/commands.h"
#include "common/projector/fold.h"
#include "common/projector/projector_host.h"
#include "common/projector/redis_view.h"
#include "common/projector/shard_table.h"
#include "common/redis/keyspace.h"
#include "common/service/fold_gate.h"
#include "common/service/log_durability_watch.h"
#include "common/service/projector_metrics.h"
#include "common/service/view_watch.h"

namespace epigrid {

struct ServiceRuntimeOptions {
  // Unique among live processes: "<host>/<pid>".
  std::string instance;
  uint32_t shard_count = kDefaultShardCount;
  // Where views are, on one server or, with seeds, a cluster; and what is in front of their keys.
  RedisOptions view;
  std::string key_prefix;
  // Makes the log's client, and what shares the shards among instances, for a loop.
  std::function<std::unique_ptr<EventLog>(EventLoop&)> make_log;
  std::function<std::unique_ptr<Assignment>(EventLoop&, const std::string& group)> make_assignment;
  // Whether this process folds (role projector or all).
  bool projector = true;
  size_t cache_bytes_max = 128 << 20;
  Duration audit_interval = std::chrono::hours(6);
  AuditLimits audit;
};

// What a service does besides folding and answering, such as sending: for quiet.h.
struct PendingWork {
  uint64_t under_way = 0;   // to be done now, or begun
  uint32_t backed_off = 0;  // failed, and to be tried again later
  Time next_attempt;        // the first of those; unset: there is none
};

class ServiceRuntime {
 public:
  // The loop outlives it; `configuration` is what the fold reads as Configured.
  ServiceRuntime(ServiceRuntimeOptions options, EventLoop& api_loop, std::unique_ptr<Fold> fold,
                 std::string configuration, Metrics& metrics);
  // For a fold that waits for something itself (Fold::Prepare): what it waits for must end on the
  // projector's loop, which outlives the fold.
  using MakeFold = std::function<std::unique_ptr<Fold>(EventLoop& projector_loop)>;
  ServiceRuntime(ServiceRuntimeOptions options, EventLoop& api_loop, std::string service,
                 const MakeFold& make_fold, std::string configuration, Metrics& metrics);
  ~ServiceRuntime();
  ServiceRuntime(const ServiceRuntime&) = delete;
  ServiceRuntime& operator=(const ServiceRuntime&) = delete;

  // LOG_MISMATCH and the like, VIEW_EVICTS, VIEW_CONFIG_UNREADABLE; UNAVAILABLE if it was given up
  // before the log answered.
  Status Start();
  // Begins to give the shards to others, which Stop waits for: so that those of all services of a
  // process go at once.
  void HandOver();
  // Once; also by the destructor.
  void Stop();

  const std::string& service() const { return service_; }
  uint32_t shard_count() const { return options_.shard_count; }
  const Fold& fold() const { return *fold_; }
  // The API's loop.
  EventLoop& loop() { return api_loop_; }
  ShardTable& shards() { return *shards_; }
  const CellQuery& cells() const { return *cells_; }
  CommandLog& commands() { return *commands_; }
  FoldGate& fold_gate() { return *fold_gate_; }
  EventLog& log() { return *api_log_; }
  RedisView& view() { return *api_view_; }
  // Says what is pending; what is tried again only after `until` counts as backed off.
  using PendingWorkFunction = std::function<Task<Result<PendingWork>>(Time until)>;
  const PendingWorkFunction& pending_work() const { return pending_work_; }
  // Before Start; most services have none.
  void SetPendingWork(PendingWorkFunction pending_work) { pending_work_ = std::move(pending_work); }

  // Told, on the API's loop, why calls should not come here now, and "" once they may: what
  // readiness follows. Set before Start.
  void OnReadiness(ViewWatch::Report report) { on_readiness_ = std::move(report); }
  // Asked, by Start while the log does not answer, whether to wait no longer. Set before Start;
  // without, it waits for ever.
  void GiveUpStartWhen(std::function<bool()> give_up) { give_up_start_ = std::move(give_up); }

  // Who owns each shard now, over all processes.
  Future<Result<std::map<Shard, std::string>>> Owners();
  // Of the shards that this process folds; empty without the projector role.
  Task<ProjectorSnapshot> Snapshot();

  // Calls until the answer is another than UNAVAILABLE, or Start is to be given up: at the start
  // the servers may still be loading their data, or not be there yet.
  Status AwaitAtStart(const std::function<Status()>& call);

 private:
  struct Projector;

  Status OpenLog(EventLog& log);
  Status StartProjector();

  const ServiceRuntimeOptions options_;
  EventLoop& api_loop_;
  const std::string service_;
  const std::string configuration_;
  const std::unique_ptr<EventLoop> projector_loop_;
  const std::unique_ptr<Fold> fold_;
  ProjectorMetrics projector_metrics_;
  const std::function<void(std::string_view reason)> count_view_retry_;

  std::unique_ptr<RedisKeyspace> api_redis_;
  std::unique_ptr<RedisView> api_view_;
  std::unique_ptr<EventLog> api_log_;
  std::unique_ptr<Assignment> api_assignment_;  // for Owners only: never started
  std::unique_ptr<ShardTable> shards_;
  std::unique_ptr<CellQuery> cells_;
  std::unique_ptr<CommandLog> commands_;
  SystemClock clock_;
  std::unique_ptr<FoldGate> fold_gate_;
  Task<void> watching_fold_;
  std::unique_ptr<LogDurabilityWatch> durability_watch_;
  Task<void> watching_durability_;
  std::unique_ptr<Projector> projector_;
  std::optional<Future<Done>> handed_over_;
  PendingWorkFunction pending_work_;
  ViewWatch::Report on_readiness_ = [](std::string_view) {};
  std::function<bool()> give_up_start_ = [] { return false; };
  std::unique_ptr<ViewWatch> view_watch_;
  Task<void> watching_;
  bool started_ = false;
};

}  // namespace epigrid
