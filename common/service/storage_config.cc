#include "common/service/storage_config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "common/event_log/redis_leases.h"
#include "common/event_log/redis_streams_log.h"

namespace epigrid {
namespace {

RedisOptions MakeRedisOptions(const std::string& address, const std::string& user,
                              const Secret& password) {
  Result<RedisAddress> parsed = RedisAddress::Parse(address);
  EPIGRID_CHECK(parsed.ok(), "the address was checked when the configuration was read");
  RedisOptions options{.address = std::move(parsed).value()};
  options.address.user = user;
  options.address.password = password.Reveal();
  return options;
}

// Leases with a connection of their own.
class OwnedLeases final : public Assignment {
 public:
  OwnedLeases(EventLoop& loop, const RedisOptions& redis, RedisLeasesOptions options)
      : redis_(loop, redis), leases_(loop, redis_, std::move(options)) {}
  void Start(ShardOwner* owner) override { leases_.Start(owner); }
  Future<Done> Stop() override { return leases_.Stop(); }
  Future<Result<std::map<Shard, std::string>>> Owners() override { return leases_.Owners(); }

 private:
  RedisClient redis_;
  RedisLeases leases_;
};

std::string DefaultInstanceName() {
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  return fmt::format("{}/{}", host, getpid());
}

}  // namespace

void StorageConfig::AddTo(ConfigSpec& spec) {
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
  spec.Add(&view_user, "view.redis_user", "user of the views' Redis; empty: its default user");
  spec.Add(&view_password, "view.redis_password", "password of the views' Redis; empty: none");
  spec.Add(&instance_name, "instance.name",
           "unique among live processes; empty: the host's name and the process id");
  spec.Add(&role, "instance.role",
           "api serves the services' calls, projector folds the log into the views and sends, all "
           "does both; operations, health and admin pages are served by each")
      .OneOf({"api", "projector", "all"});
  spec.Add(&cache_mib, "instance.cache_mib", "memory for folded state, per service, in MiB")
      .Range(1, 65536);
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
  spec.AddCheck({"log.redis_address", "view.redis_address"}, [this]() -> std::string {
    if (log_address != view_address) return "";
    return "log.redis_address and view.redis_address must be two Redis processes: the log is "
           "synced "
           "to disk before every answer, the views are not";
  });
}

RedisOptions StorageConfig::LogRedis() const {
  return MakeRedisOptions(log_address, log_user, log_password);
}

RedisOptions StorageConfig::ViewRedis() const {
  return MakeRedisOptions(view_address, view_user, view_password);
}

ServiceRuntimeOptions StorageConfig::RuntimeOptions() const {
  ServiceRuntimeOptions options;
  options.instance = instance_name.empty() ? DefaultInstanceName() : instance_name;
  options.shard_count = shard_count;
  options.view = ViewRedis();
  options.key_prefix = log_key_prefix;
  options.projector = folds();
  options.cache_bytes_max = size_t{cache_mib} << 20;
  options.make_log = [redis = LogRedis(),
                      prefix = log_key_prefix](EventLoop& loop) -> std::unique_ptr<EventLog> {
    return std::make_unique<RedisStreamsLog>(
        loop, RedisStreamsLogOptions{.redis = redis, .key_prefix = prefix});
  };
  options.make_assignment = [redis = LogRedis(), prefix = log_key_prefix,
                             instance = options.instance,
                             shards = shard_count](EventLoop& loop, const std::string& group) {
    return std::make_unique<OwnedLeases>(
        loop, redis,
        RedisLeasesOptions{
            .group = group, .instance = instance, .shard_count = shards, .key_prefix = prefix});
  };
  return options;
}

}  // namespace epigrid
