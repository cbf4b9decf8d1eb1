#include "common/service/storage_config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "common/event_log/redis_leases.h"
#include "common/event_log/redis_streams_log.h"
#include "common/redis/client.h"

namespace epigrid {
namespace {

RedisAddress MakeRedisAddress(const std::string& address, const std::string& user,
                              const Secret& password) {
  Result<RedisAddress> parsed = RedisAddress::Parse(address);
  EPIGRID_CHECK(parsed.ok(), "the address was checked when the configuration was read");
  parsed->user = user;
  parsed->password = password.Reveal();
  return std::move(parsed).value();
}

std::string DefaultInstanceName() {
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  return fmt::format("{}/{}", host, getpid());
}

}  // namespace

void StorageConfig::AddTo(ConfigSpec& spec) {
  spec.Add(&log_kind, "log.kind",
           "redis: the event log of one machine, on a Redis of its own; kafka: a city's, on Kafka")
      .OneOf({"redis", "kafka"});
  kafka.AddTo(spec, &log_kind);
  spec.Add(&log_address, "log.redis_address",
           "host:port or unix:/path of the Redis that is the event log; it needs appendonly yes, "
           "appendfsync always and maxmemory-policy noeviction");
  spec.Add(&log_user, "log.redis_user", "user of the log's Redis; empty: its default user");
  spec.Add(&log_password, "log.redis_password", "password of the log's Redis; empty: none");
  spec.Add(&log_key_prefix, "log.key_prefix",
           "in front of every key and channel of log and views: several systems, each with its "
           "own, may share the two Redis");
  spec.Add(&shard_count, "log.shard_count",
           "shards of every service; written into the log when it is created, fixed from then on")
      .Range(1, kShardCountMax);
  spec.Add(&view_address, "view.redis_address",
           "host:port or unix:/path of the Redis that holds the views; it needs maxmemory-policy "
           "noeviction");
  spec.Add(&view_cluster, "view.redis_cluster",
           "host:port of some nodes of the Redis Cluster that holds the views, instead of "
           "view.redis_address; the others are found by them; every node needs maxmemory-policy "
           "noeviction and cluster-require-full-coverage no");
  spec.Add(&view_user, "view.redis_user",
           "user of the views' Redis, on each node; empty: its default user");
  spec.Add(&view_password, "view.redis_password",
           "password of the views' Redis, on each node; empty: none");
  spec.Add(&instance_name, "instance.name",
           "unique among live processes; empty: the host's name and the process id");
  spec.Add(&role, "instance.role",
           "api serves the services' calls, projector folds the log into the views and sends, all "
           "does both; operations, health and admin pages are served by each")
      .OneOf({"api", "projector", "all"});
  spec.Add(&cache_mib, "instance.cache_mib", "memory for folded state, per service, in MiB")
      .Range(1, 65536);
  spec.Add(&audit_interval, "audit.interval",
           "how often each shard is folded aside, compared with its view, kept as a snapshot, and "
           "its "
           "log cut behind it; 0s: never, and the log grows for ever")
      .Range(Duration(0), std::chrono::hours(24 * 7));
  spec.Add(&audit_memory_mib, "audit.memory_mib",
           "keys and values of one shard that an audit may hold, in MiB; it takes about twice as "
           "much "
           "memory, for one shard of each service at a time")
      .Range(1, 1 << 20);
  spec.Add(&log_retention, "log.retention",
           "how long records stay in the log at least, also after a snapshot holds what came of "
           "them")
      .Range(Duration(0), std::chrono::hours(24 * 3650));
  for (const std::string* address : {&log_address, &view_address}) {
    const std::string name = address == &log_address ? "log.redis_address" : "view.redis_address";
    spec.AddCheck({name}, [address, name]() -> std::string {
      const Result<RedisAddress> parsed = RedisAddress::Parse(*address);
      return parsed.ok() ? "" : name + ": " + parsed.status().message();
    });
  }
  spec.AddCheck({"log.key_prefix"}, [this]() -> std::string {
    const bool plain = std::ranges::all_of(log_key_prefix, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("_-.:").find(c) != std::string_view::npos;
    });
    return plain ? "" : "log.key_prefix: letters, digits, _, -, . and : only";
  });
  spec.AddCheck({"view.redis_cluster"}, [this]() -> std::string {
    for (const std::string& node : view_cluster) {
      const Result<RedisAddress> parsed = RedisAddress::Parse(node);
      if (parsed.ok() && parsed->unix_socket.empty()) continue;
      return "view.redis_cluster: " + node + " must be host:port or [v6]:port";
    }
    return "";
  });
  spec.AddCheck({"view.redis_address", "view.redis_cluster"},
                [this, default_address = view_address]() -> std::string {
                  if (view_cluster.empty() || view_address == default_address) return "";
                  return "view.redis_address and view.redis_cluster exclude each other: the views "
                         "are on one server or on a cluster";
                });
  spec.AddCheck(
      {"log.redis_address", "view.redis_address", "view.redis_cluster"}, [this]() -> std::string {
        if (log_is_kafka()) return "";
        const bool shared = view_cluster.empty() ? log_address == view_address
                                                 : std::ranges::find(view_cluster, log_address) !=
                                                       view_cluster.end();
        if (!shared) return "";
        return "log.redis_address and the views' Redis (view.redis_address or "
               "view.redis_cluster) must be two Redis processes: the log is synced to "
               "disk before every answer, the views are not";
      });
}

RedisOptions StorageConfig::LogRedis() const {
  return {.address = MakeRedisAddress(log_address, log_user, log_password)};
}

RedisOptions StorageConfig::ViewRedis() const {
  RedisOptions options{.address = MakeRedisAddress(view_address, view_user, view_password)};
  for (const std::string& node : view_cluster) {
    options.seeds.push_back(MakeRedisAddress(node, view_user, view_password));
  }
  return options;
}

std::string StorageConfig::InstanceName() const {
  return instance_name.empty() ? DefaultInstanceName() : instance_name;
}

std::unique_ptr<EventLog> StorageConfig::MakeLog(EventLoop& loop,
                                                 std::set<std::string> compacted_topics) const {
  if (log_is_kafka()) {
    KafkaLogOptions options = kafka.LogOptions(InstanceName());
    options.compacted_topics = std::move(compacted_topics);
    return std::make_unique<KafkaLog>(loop, std::move(options));
  }
  return std::make_unique<RedisStreamsLog>(
      loop, RedisStreamsLogOptions{.redis = LogRedis(), .key_prefix = log_key_prefix});
}

ServiceRuntimeOptions StorageConfig::RuntimeOptions() const {
  ServiceRuntimeOptions options;
  options.instance = InstanceName();
  options.shard_count = shard_count;
  options.view = ViewRedis();
  options.key_prefix = log_key_prefix;
  options.projector = folds();
  options.cache_bytes_max = size_t{cache_mib} << 20;
  options.audit_interval = audit_interval;
  options.audit = {.retention = log_retention, .bytes_max = size_t{audit_memory_mib} << 20};
  options.make_log = [config = *this](EventLoop& loop) { return config.MakeLog(loop); };
  options.make_assignment =
      [config = *this](EventLoop& loop, const std::string& group) -> std::unique_ptr<Assignment> {
    const std::string instance = config.InstanceName();
    if (config.log_is_kafka()) {
      return std::make_unique<KafkaGroup>(loop, config.kafka.GroupOptions(instance, group));
    }
    return std::make_unique<OwnedLeases>(loop, config.LogRedis(),
                                         RedisLeasesOptions{.group = group,
                                                            .instance = instance,
                                                            .shard_count = config.shard_count,
                                                            .key_prefix = config.log_key_prefix});
  };
  return options;
}

}  // namespace epigrid
