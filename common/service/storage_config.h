// StorageConfig: where log and views are, and what part of the work this process takes. The
// settings log.*, view.* and instance.*, the same for every binary.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/service/kafka_config.h"
#include "common/service/service_runtime.h"

namespace epigrid {

struct StorageConfig {
  std::string log_kind = "redis";
  std::string log_address = "127.0.0.1:6380";
  std::string log_user;
  Secret log_password;
  std::string log_key_prefix = "epigrid:";  // also of the views
  KafkaConfig kafka;
  uint32_t shard_count = kDefaultShardCount;
  std::string view_address = "127.0.0.1:6379";
  std::vector<std::string> view_cluster;  // instead of view_address, if there are any
  std::string view_user;
  Secret view_password;
  std::string instance_name;  // empty: "<host>/<pid>"
  std::string role = "all";
  uint32_t cache_mib = 128;
  Duration audit_interval = std::chrono::hours(6);
  uint32_t audit_memory_mib = 2048;
  Duration log_retention = std::chrono::hours(24 * 14);

  // Declares the settings and the rules between them.
  void AddTo(ConfigSpec& spec);

  bool log_is_kafka() const { return log_kind == "kafka"; }
  // The log's client, for a loop. One that has compacted topics keeps `compacted_topics` so.
  std::unique_ptr<EventLog> MakeLog(EventLoop& loop,
                                    std::set<std::string> compacted_topics = {}) const;
  // Where the log's Redis is, if it is one; also where identity's keys are then.
  RedisOptions LogRedis() const;
  // With seeds if it is a cluster.
  RedisOptions ViewRedis() const;
  // What instance.role says: whether this process serves the services' calls, and whether it folds.
  bool serves_calls() const { return role != "projector"; }
  bool folds() const { return role != "api"; }
  std::string InstanceName() const;
  // What a ServiceRuntime of this process is made with.
  ServiceRuntimeOptions RuntimeOptions() const;
};

}  // namespace epigrid
