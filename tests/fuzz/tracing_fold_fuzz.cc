// Whatever events reach the contact tracing fold, in whatever order and with whatever times: it
// never aborts, never writes more cells than an event may, tells Cells the truth, and once every
// case is excluded nobody is exposed any more.
#include <fuzzer/FuzzedDataProvider.h>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/contact_tracing_fold.h"
#include "services/contact_tracing/view/keys.h"
#include "tests/fakes/fold_driver.h"

namespace epigrid::contact_tracing {
namespace {

constexpr uint32_t kShards = 3;
constexpr int kOperationsMax = 80;

class Fuzzed {
 public:
  Fuzzed(const uint8_t* data, size_t size)
      : data_(data, size), fold_(kShards), driver_(fold_, kShards, size) {
    driver_.recorded_at = Near();
  }

  void Run() {
    for (int i = 0; i < kOperationsMax && data_.remaining_bytes() > 0; ++i) {
      if (data_.ConsumeBool()) driver_.Step();
      Operate();
    }
    driver_.Run();
    CheckDigests();
    if (tells_internals_) return;
    ExcludeAll();
    for (Shard shard = 0; shard < kShards; ++shard) {
      for (const auto& [key, members] : driver_.stored(shard).members) {
        EPIGRID_CHECK(!key.starts_with(keys::Pins("")), "a pin without a case");
      }
      EPIGRID_CHECK(driver_.stored(shard).indexes.empty(),
                    "a contact or an exposure without a case");
    }
    CheckDigests();
  }

 private:
  void CheckDigests() {
    for (Shard shard = 0; shard < kShards; ++shard) {
      EPIGRID_CHECK(driver_.digest(shard) == driver_.Recounted(shard), "a digest is untrue");
    }
  }

  int Small(int end) { return data_.ConsumeIntegralInRange<int>(0, end - 1); }
  std::string Person() { return DeriveId(kPersonId, {std::to_string(Small(4))}); }
  std::string Setting() { return DeriveId(kSettingId, {std::to_string(Small(3))}); }
  std::string Household() { return DeriveId(kHouseholdId, {std::to_string(Small(2))}); }
  std::string Case(const std::string& person) {
    const int number = Small(3);
    for (int i = 0;; ++i) {
      std::string id = DeriveId(kCaseId, {person, std::to_string(number), std::to_string(i)});
      if (ShardOf(id, kShards) == ShardOf(person, kShards)) return id;
    }
  }
  // Within a few days, in steps that coincide.
  Time Near() { return Time::FromSeconds(1'640'966'400) + std::chrono::minutes(15 * Small(1000)); }
  google::protobuf::Timestamp When() {
    if (Small(16) != 0) return ToProto(Near());
    google::protobuf::Timestamp any;
    any.set_seconds(data_.ConsumeIntegral<int64_t>());
    any.set_nanos(data_.ConsumeIntegral<int32_t>());
    return any;
  }

  void Operate() {
    switch (Small(12)) {
      case 0:
      case 1:
      case 2: return Observe();
      case 3: return UpdateSetting();
      case 4: return Report();
      case 5: return UpdateCase();
      case 6: return Isolate();
      case 7: return Live();
      case 8: return Test();
      case 9: return driver_.Tick(Near() + std::chrono::hours(24 * Small(40)));
      case 10: return Configure();
      default: return TellInternals();
    }
  }

  void Observe() {
    Event event;
    auto& told = *event.mutable_presence_observed()->mutable_observation();
    told.set_person_id(Person());
    told.set_source("s");
    told.set_source_id(std::to_string(Small(5)));
    told.set_revision(static_cast<uint32_t>(Small(6)));
    switch (Small(4)) {
      case 0: *told.mutable_check_out()->mutable_end_time() = When(); break;
      case 1: told.mutable_deletion(); break;
      default:
        told.mutable_check_in()->set_setting_id(Small(5) == 0 ? Household() : Setting());
        *told.mutable_check_in()->mutable_start_time() = When();
        if (data_.ConsumeBool()) *told.mutable_check_in()->mutable_end_time() = When();
    }
    const std::string person = told.person_id();
    driver_.Append(person, std::move(event));
  }

  void UpdateSetting() {
    Event event;
    auto& setting = *event.mutable_setting_update_requested()->mutable_setting();
    setting.set_setting_id(Setting());
    setting.set_category(Small(2) == 0 ? v1::SETTING_CATEGORY_HOUSEHOLD
                                       : v1::SETTING_CATEGORY_SHOP);
    if (data_.ConsumeBool()) {
      setting.mutable_usual_stay()->set_seconds(data_.ConsumeIntegral<int32_t>());
    }
    const std::string id = setting.setting_id();
    driver_.Append(id, std::move(event));
  }

  void Report() {
    Event event;
    auto& requested = *event.mutable_case_update_requested();
    requested.set_person_id(Person());
    requested.set_case_id(Case(requested.person_id()));
    requested.mutable_open()->set_state(static_cast<v1::CaseState>(Small(5)));
    if (data_.ConsumeBool()) *requested.mutable_open()->mutable_onset_time() = When();
    if (data_.ConsumeBool()) *requested.mutable_open()->mutable_sampled_time() = When();
    const std::string person = requested.person_id();
    driver_.Append(person, std::move(event));
  }

  void UpdateCase() {
    Event event;
    auto& requested = *event.mutable_case_update_requested();
    requested.set_case_id(Case(Person()));
    if (data_.ConsumeBool()) {
      requested.set_state(static_cast<v1::CaseState>(Small(5)));
    } else {
      *requested.mutable_onset_time() = When();
    }
    const std::string id = requested.case_id();
    driver_.Append(id, std::move(event));
  }

  events::v1::Interval Interval() {
    events::v1::Interval interval;
    *interval.mutable_from_time() = When();
    if (data_.ConsumeBool()) *interval.mutable_until_time() = When();
    return interval;
  }

  void Isolate() {
    Event event;
    auto& changed = *event.mutable_isolation_changed();
    changed.set_person_id(Person());
    for (int i = Small(3); i > 0; --i) *changed.add_intervals() = Interval();
    for (int i = Small(3); i > 0; --i) *changed.add_separations() = Interval();
    driver_.Foreign(event);
  }

  void Live() {
    Event event;
    auto& changed = *event.mutable_membership_changed();
    changed.set_person_id(Person());
    changed.set_household_id(Household());
    for (int stays = Small(4); stays > 0; --stays) {
      events::v1::Interval& interval = *changed.add_intervals();
      *interval.mutable_from_time() = When();
      if (data_.ConsumeBool()) *interval.mutable_until_time() = When();
    }
    driver_.Foreign(event);
  }

  void Test() {
    Event event;
    auto& changed = *event.mutable_test_result_changed();
    changed.set_person_id(Person());
    changed.set_source("lab");
    changed.set_source_id(std::to_string(Small(4)));
    changed.set_outcome(static_cast<health_code::v1::TestOutcome>(Small(5)));
    changed.set_withdrawn(Small(4) == 0);
    *changed.mutable_sampled_time() = When();
    driver_.Foreign(event);
  }

  void Configure() {
    state::v1::TracingConfiguration configuration;
    configuration.set_retention_days(static_cast<uint32_t>(Small(40)));
    configuration.set_window_days(static_cast<uint32_t>(Small(40)));
    configuration.set_stay_minutes_min(static_cast<uint32_t>(Small(200)));
    driver_.Configure(data_.ConsumeBool() ? configuration.SerializeAsString()
                                          : data_.ConsumeRandomLengthString(20));
  }

  // Statements that no shard would make: they may lead to anything but a crash.
  void TellInternals() {
    if (!tells_internals_) return;
    Event event;
    const std::string bytes = data_.ConsumeRandomLengthString(200);
    if (!event.ParseFromString(bytes) || event.has_request()) return;
    driver_.Append(Small(2) == 0 ? Person() : Setting(), std::move(event));
  }

  void ExcludeAll() {
    std::vector<std::string> cases;
    for (Shard shard = 0; shard < kShards; ++shard) {
      for (const auto& [key, value] : driver_.stored(shard).strings) {
        if (key.starts_with(keys::Case(""))) cases.push_back(key.substr(keys::Case("").size()));
      }
    }
    for (const std::string& case_id : cases) {
      Event event;
      event.mutable_case_update_requested()->set_case_id(case_id);
      event.mutable_case_update_requested()->set_state(v1::CASE_STATE_EXCLUDED);
      driver_.Append(case_id, std::move(event));
    }
    driver_.Run();
  }

  FuzzedDataProvider data_;
  const bool tells_internals_ = data_.ConsumeBool();
  const ContactTracingFold fold_;
  FoldDriver driver_;
};

}  // namespace
}  // namespace epigrid::contact_tracing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  epigrid::contact_tracing::Fuzzed(data, size).Run();
  return 0;
}
