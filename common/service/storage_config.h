// StorageConfig: where log and views are, and what part of the work this process takes. The
// settings log.*, view.* and instance.*, the same for every binary.
#pragma once

#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/service/service_runtime.h"

namespace epigrid {

struct StorageConfig {
  std::string log_address = "127.0.0.1:6380";
  std::string log_user;
  Secret log_password;
  std::string log_key_prefix = "epigrid:";  // also of the views
  uint32_t shard_count = kDefaultShardCount;
  std::string view_address = "127.0.0.1:6379";
  std::vector<std::string> view_cluster;  // instead of view_address, if there are any
  std::string view_user;
  Secret view_password;
  std::string instance_name;  // empty: "<host>/<pid>"
  std::string role = "all";
  uint32_t cache_mib = 128;

  // Declares the settings and the rules between them.
  void AddTo(ConfigSpec& spec);

  // Where the log's Redis is; also where identity's keys are.
  RedisOptions LogRedis() const;
  // With seeds if it is a cluster.
  RedisOptions ViewRedis() const;
  // What instance.role says: whether this process serves the services' calls, and whether it folds.
  bool serves_calls() const { return role != "projector"; }
  bool folds() const { return role != "api"; }
  // What a ServiceRuntime of this process is made with.
  ServiceRuntimeOptions RuntimeOptions() const;
};

}  // namespace epigrid
