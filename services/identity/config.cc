#include "services/identity/config.h"

namespace epigrid::identity {

void Config::AddTo(ConfigSpec& spec) {
  using namespace std::chrono_literals;
  spec.Add(&master_keys, "identity.master_keys",
           "file of the keys that persons' keys are wrapped with; epigrid-master-key makes one")
      .Required();
  spec.Add(&time_zone, "identity.time_zone",
           "IANA name of the zone whose date births may not be after");
  spec.Add(&lost_claims_interval, "identity.lost_claims_interval",
           "how often the keys of registrations that lost their claim are erased")
      .Range(Duration(100ms), Duration(1h));
  spec.Add(&key_compaction_interval, "identity.key_compaction_interval",
           "how often the log's Redis is asked to take erased keys off its disk, if there are any")
      .Range(Duration(1s), Duration(24h));
  spec.Add(
          &key_rewrap_interval, "identity.key_rewrap_interval",
          "how often it is looked whether the newest master key wraps all keys, and how long after "
          "that the others are wrapped by it: every instance must have the same file by then")
      .Range(Duration(1s), Duration(24h));
  spec.AddCheck({"identity.master_keys"}, [this]() -> std::string {
    Result<MasterKeys> keys = MasterKeys::Load(master_keys);
    if (!keys.ok()) return "identity.master_keys: " + keys.status().message();
    loaded_master_keys = *std::move(keys);
    return "";
  });
  spec.AddCheck({"identity.time_zone"}, [this]() -> std::string {
    Result<TimeZone> zone = TimeZone::Load(time_zone);
    if (!zone.ok()) return "identity.time_zone: " + zone.status().message();
    loaded_time_zone = *std::move(zone);
    return "";
  });
}

}  // namespace epigrid::identity
