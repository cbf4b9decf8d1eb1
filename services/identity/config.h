// What the identity service can be told beside where log and view are. The settings identity.*.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/base/local_day.h"
#include "common/config/config.h"
#include "common/crypto/master_key.h"

namespace epigrid::identity {

struct Config {
  std::filesystem::path master_keys;  // common/crypto/master_key.h
  std::string time_zone = "Asia/Shanghai";
  Duration lost_claims_interval = std::chrono::seconds(5);
  Duration key_compaction_interval = std::chrono::minutes(1);
  Duration key_rewrap_interval = std::chrono::hours(1);

  // Read by the checks, so that all that is wrong is said at once; set once the configuration is
  // found to be right.
  std::optional<MasterKeys> loaded_master_keys;
  std::optional<TimeZone> loaded_time_zone;

  void AddTo(ConfigSpec& spec);
};

}  // namespace epigrid::identity
