#include "common/service/service_runtime.h"

#include "common/log/log.h"
#include "common/projector/emission.h"
#include "common/projector/snapshot.h"
#include "common/redis/cluster.h"

namespace epigrid {
namespace {

// A projector gives a connection to its view up after this long without any answer. Longer than
// what a server may be busy with: what is asked again on another connection is done twice.
constexpr Duration kViewSilenceMax = std::chrono::seconds(5);
// How long a start waits for a view. Without one the process serves what it can.
constexpr Duration kAwaitView = std::chrono::seconds(2);

// Whoever is not there at the start is asked again after this long; a line in the log says so once
// it has lasted a while, and again and again.
constexpr auto kAskAgainAtStart = std::chrono::milliseconds(100);
constexpr auto kTellWaitAfter = std::chrono::seconds(5);
constexpr auto kTellWaitEvery = std::chrono::seconds(30);

// Of one cell or a few: by when a server has answered, and by when a primary of a cluster has been
// replaced. A call with less time than that is answered at its own deadline.
constexpr Duration kReadServer = std::chrono::seconds(1);
constexpr Duration kReadCluster = std::chrono::seconds(5);

// For both loops.
RedisCluster::OnRetry CountRetries(const std::string& service, Metrics& metrics) {
  std::map<std::string_view, prometheus::Counter*> counters;
  for (const std::string_view reason : kRedisRetryReasons) {
    counters[reason] = &metrics.Counter(
        "epigrid_" + service + "_view_cluster_retries_total",
        "Commands to the views' cluster that were sent again, or refused while their slot moved",
        {{"reason", std::string(reason)}});
  }
  return [counters](std::string_view reason) { counters.at(reason)->Increment(); };
}

RedisOptions PatientOptions(RedisOptions view) {
  view.deadline = kViewSilenceMax;
  return view;
}

}  // namespace

struct ServiceRuntime::Projector {
  Projector(EventLoop& loop, const ServiceRuntimeOptions& options, const std::string& service,
            const std::string& configuration, const Fold& fold, ProjectorObserver& observer,
            const RedisCluster::OnRetry& on_retry)
      : redis(MakeRedis(loop, PatientOptions(options.view), on_retry)),
        view(*redis, ViewKeys(service, options.key_prefix), loop,
             [&observer](const Status& why) { observer.OnViewWait(why); }),
        log(options.make_log(loop)),
        assignment(options.make_assignment(loop, service)),
        host(loop, *log, view, *assignment, fold,
             {.instance = options.instance,
              .configuration = configuration,
              .shard_count = options.shard_count,
              .cache_bytes_max = options.cache_bytes_max,
              .audit_interval = options.audit_interval,
              .audit = options.audit},
             &observer) {}

  std::unique_ptr<RedisKeyspace> redis;
  RedisView view;
  std::unique_ptr<EventLog> log;
  std::unique_ptr<Assignment> assignment;
  ProjectorHost host;
};

ServiceRuntime::ServiceRuntime(ServiceRuntimeOptions options, EventLoop& api_loop,
                               std::unique_ptr<Fold> fold, std::string configuration,
                               Metrics& metrics)
    : ServiceRuntime(
          std::move(options), api_loop, std::string(fold->service()),
          [&fold](EventLoop&) { return std::move(fold); }, std::move(configuration), metrics) {}

ServiceRuntime::ServiceRuntime(ServiceRuntimeOptions options, EventLoop& api_loop,
                               std::string service, const MakeFold& make_fold,
                               std::string configuration, Metrics& metrics)
    : options_(std::move(options)),
      api_loop_(api_loop),
      service_(std::move(service)),
      configuration_(std::move(configuration)),
      projector_loop_(std::make_unique<EventLoop>(service_ + ".projector")),
      fold_(make_fold(*projector_loop_)),
      projector_metrics_(service_, metrics),
      count_view_retry_(CountRetries(service_, metrics)) {
  EPIGRID_CHECK(fold_->service() == service_, "the fold is another service's");
  api_redis_ = MakeRedis(api_loop_, options_.view, count_view_retry_);
  api_view_ = std::make_unique<RedisView>(*api_redis_, ViewKeys(service_, options_.key_prefix));
  api_log_ = options_.make_log(api_loop_);
  api_assignment_ = options_.make_assignment(api_loop_, service_);
  shards_ = std::make_unique<ShardTable>(api_loop_, *api_redis_, options_.view,
                                         ShardTableOptions{.service = service_,
                                                           .key_prefix = options_.key_prefix,
                                                           .shard_count = options_.shard_count});
  view_watch_ =
      std::make_unique<ViewWatch>(service_, api_loop_, *api_redis_, *shards_, metrics,
                                  [this](std::string_view why_not) { on_readiness_(why_not); });
  cells_ = std::make_unique<CellQuery>(*api_redis_, *shards_,
                                       options_.view.seeds.empty() ? kReadServer : kReadCluster);
  commands_ =
      std::make_unique<CommandLog>(*api_log_, *shards_, *cells_, service_, options_.shard_count);
  fold_gate_ = std::make_unique<FoldGate>(
      service_, api_loop_,
      FoldGate::Progress{
          .shard_count = options_.shard_count,
          .applied = [this](Shard shard) { return shards_->Applied(shard); },
          .wait_for = [this](std::vector<ShardPosition> positions,
                             Time deadline) { return shards_->WaitFor(positions, deadline); }},
      clock_, metrics);
  durability_watch_ = std::make_unique<LogDurabilityWatch>(api_loop_, *api_log_, service_, metrics);
}

ServiceRuntime::~ServiceRuntime() {
  if (started_) Stop();
}

Status ServiceRuntime::AwaitAtStart(const std::function<Status()>& call) {
  auto tell = std::chrono::steady_clock::now() + kTellWaitAfter;
  for (;;) {
    Status status = call();
    if (status.code() != Code::kUnavailable || give_up_start_()) return status;
    api_loop_.RunOnLoop([&] { on_readiness_(status.reason()); });
    if (const auto now = std::chrono::steady_clock::now(); now >= tell) {
      EPIGRID_LOG_WARN("service.waits_to_start", {"waiting", Safe(service_)}, {status});
      tell = now + kTellWaitEvery;
    }
    api_loop_.Sleep(kAskAgainAtStart).Wait();
  }
}

Status ServiceRuntime::OpenLog(EventLog& log) {
  LogIdentity identity{.shard_count = options_.shard_count};
  identity.topics = fold_->subscriptions();
  for (std::string& topic : fold_->publications()) identity.topics.push_back(std::move(topic));
  identity.topics.push_back(InboxTopic(service_));
  identity.topics.push_back(SnapshotTopic(service_));
  return AwaitAtStart([&] { return log.Open(identity).Wait().status(); });
}

Status ServiceRuntime::Start() {
  EPIGRID_RETURN_IF_ERROR(OpenLog(*api_log_));
  shards_->Start();
  api_loop_.RunOnLoop([this] {
    watching_durability_ = durability_watch_->Run();
    watching_durability_.Start();
    watching_fold_ = fold_gate_->Run();
    watching_fold_.Start();
  });
  started_ = true;
  if (shards_->AwaitFirstRound(kAwaitView).Wait()) {
    const Status policy = Run(view_watch_->CheckPolicy()).Wait();
    // One that has gone since is left to the watch.
    if (policy.code() != Code::kUnavailable) EPIGRID_RETURN_IF_ERROR(policy);
  }
  if (options_.projector) EPIGRID_RETURN_IF_ERROR(StartProjector());
  api_loop_.RunOnLoop([this] {
    watching_ = view_watch_->Run();
    watching_.Start();
  });
  return OkStatus();
}

Status ServiceRuntime::StartProjector() {
  auto projector = std::make_unique<Projector>(*projector_loop_, options_, service_, configuration_,
                                               *fold_, projector_metrics_, count_view_retry_);
  EPIGRID_RETURN_IF_ERROR(OpenLog(*projector->log));
  projector_ = std::move(projector);
  projector_->host.Start();
  return OkStatus();
}

void ServiceRuntime::HandOver() {
  if (projector_ == nullptr || handed_over_.has_value()) return;
  handed_over_ = projector_->host.Stop();
}

void ServiceRuntime::Stop() {
  EPIGRID_CHECK(started_, "what is stopped was started");
  started_ = false;
  api_loop_.RunOnLoop([this] { watching_ = {}; });
  HandOver();
  if (handed_over_.has_value()) std::move(*handed_over_).Wait();
  shards_->Stop().Wait();
  projector_.reset();
  api_loop_.RunOnLoop([this] {
    watching_durability_ = {};
    watching_fold_ = {};
    fold_gate_->Close();
  });
}

Future<Result<std::map<Shard, std::string>>> ServiceRuntime::Owners() {
  return api_assignment_->Owners();
}

Task<ProjectorSnapshot> ServiceRuntime::Snapshot() {
  if (projector_ == nullptr) co_return ProjectorSnapshot{};
  co_return co_await projector_->host.Snapshot();
}

}  // namespace epigrid
