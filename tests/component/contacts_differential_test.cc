// The contacts that contact tracing finds equal those of an all-pairs comparison, pair for pair and
// minute for minute: on random cities with facts in any order. Seeded cities and real check-ins go
// through the whole system in tests/e2e/test_brute_force.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/case_pins.h"
#include "services/contact_tracing/domain/contact_tracing_fold.h"
#include "services/contact_tracing/domain/overlap.h"
#include "services/contact_tracing/view/keys.h"
#include "tests/fakes/brute_force_contacts.h"
#include "tests/fakes/fold_driver.h"

namespace epigrid::contact_tracing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

using Found = std::map<BruteForceContacts::PersonAndSetting, BruteForceContacts::Together>;

constexpr std::string_view kZone = "Asia/Shanghai";

Event SettingEvent(const BruteForceContacts::Setting& setting) {
  Event event;
  v1::Setting& told = *event.mutable_setting_update_requested()->mutable_setting();
  told.set_setting_id(setting.setting);
  told.set_category(v1::SETTING_CATEGORY_SHOP);
  if (setting.usual_stay) {
    told.mutable_usual_stay()->set_seconds(
        std::chrono::duration_cast<std::chrono::seconds>(*setting.usual_stay).count());
  }
  return event;
}

Event PresenceEvent(const BruteForceContacts::Presence& presence, const std::string& source_id,
                    uint32_t revision = 1) {
  Event event;
  v1::PresenceObservation& told = *event.mutable_presence_observed()->mutable_observation();
  told.set_source("test");
  told.set_source_id(source_id);
  told.set_revision(revision);
  told.set_person_id(presence.person);
  told.mutable_check_in()->set_setting_id(presence.setting);
  *told.mutable_check_in()->mutable_start_time() = ToProto(presence.check_in);
  if (presence.check_out)
    *told.mutable_check_in()->mutable_end_time() = ToProto(*presence.check_out);
  return event;
}

Event DeletionEvent(const std::string& person_id, const std::string& source_id, uint32_t revision) {
  Event event;
  v1::PresenceObservation& told = *event.mutable_presence_observed()->mutable_observation();
  told.set_source("test");
  told.set_source_id(source_id);
  told.set_revision(revision);
  told.set_person_id(person_id);
  told.mutable_deletion();
  return event;
}

std::string CaseIdOf(const std::string& person_id, uint32_t shard_count) {
  for (int number = 0;; ++number) {
    std::string id = DeriveId(kCaseId, {person_id, std::to_string(number)});
    if (ShardOf(id, shard_count) == ShardOf(person_id, shard_count)) return id;
  }
}

Event CaseEvent(const std::string& person_id, Time sampled, uint32_t shard_count) {
  Event event;
  auto& requested = *event.mutable_case_update_requested();
  requested.set_case_id(CaseIdOf(person_id, shard_count));
  requested.set_person_id(person_id);
  requested.mutable_open()->set_state(v1::CASE_STATE_CONFIRMED);
  *requested.mutable_open()->mutable_sampled_time() = ToProto(sampled);
  return event;
}

// What the case's shard lists.
Found Listed(const FoldDriver& driver, const std::string& case_id) {
  Found found;
  for (const std::string& person : driver.Index(case_id, keys::ContactIndex(case_id))) {
    const auto bytes = driver.Get(case_id, keys::Contact(case_id, person));
    const auto shared = *CellReader::ParseProto<state::v1::SharedSettings>(&*bytes);
    for (const auto& match : shared.matches()) {
      auto& together = found[{person, match.setting_id()}];
      for (const auto& day : match.days()) together.minutes_by_day[day.day()] = day.minutes();
      together.first = FromProto(match.first_time());
      together.last = FromProto(match.last_time());
    }
  }
  return found;
}

// What the all-pairs comparison finds in the case's window; in the case's own homes, which
// isolation there does not end, in an open one.
Found Expected(const FoldDriver& driver, const BruteForceContacts& city,
               const std::string& person_id, const std::string& case_id,
               const std::set<std::string>& homes = {}) {
  const auto bytes = driver.Get(case_id, keys::Case(case_id));
  const auto record = *CellReader::ParseProto<state::v1::CaseRecord>(&*bytes);
  const Span window = ToSpan(record.window());
  Found found = city.Find(person_id, window.from, window.until);
  std::erase_if(found, [&](const auto& one) { return homes.contains(one.first.second); });
  for (auto& [who, together] : city.Find(person_id, window.from, kEndOfTime)) {
    if (homes.contains(who.second)) found.emplace(who, together);
  }
  return found;
}

void ExpectSame(const Found& found, const Found& expected) {
  EXPECT_EQ(found.size(), expected.size());
  for (const auto& [who, together] : expected) {
    const auto at = found.find(who);
    ASSERT_NE(at, found.end()) << who.first << " in " << who.second << " was not found";
    EXPECT_EQ(at->second.minutes_by_day, together.minutes_by_day) << who.first << " " << who.second;
    EXPECT_EQ(at->second.first.micros, together.first.micros);
    EXPECT_EQ(at->second.last.micros, together.last.micros);
  }
  for (const auto& [who, together] : found) {
    EXPECT_TRUE(expected.contains(who)) << who.first << " in " << who.second << " never was there";
  }
}

// --- random cities ------------------------------------------------------------------------------

class RandomCity {
 public:
  explicit RandomCity(uint64_t seed) : random_(seed) {
    for (int i = 0; i < 4; ++i) {
      settings_.push_back({DeriveId(kSettingId, {"s", std::to_string(i)}), std::nullopt});
      if (Chance(2)) settings_.back().usual_stay = minutes(Below(600) + 10);
    }
    for (int i = 0; i < 2; ++i) {
      homes_.push_back(DeriveId(kHouseholdId, {"h", std::to_string(i)}));
      for (int person = 0; person < 10; ++person) AddMembership(Person(person), homes_.back());
    }
    for (int i = 0; i < 120; ++i) AddPresence(i);
    for (const int person : {0, 1}) {
      facts_.push_back(
          {Person(person), CaseEvent(Person(person), Begin() + hours(24 * 3), kShards)});
    }
    Event isolation;
    isolation.mutable_isolation_changed()->set_person_id(Person(0));
    *isolation.mutable_isolation_changed()->add_intervals()->mutable_from_time() =
        ToProto(Begin() + hours(60) + minutes(Below(1440)));
    facts_.push_back({Person(0), std::move(isolation)});
    for (size_t i = 0; i + 1 < settings_.size(); ++i) {  // the last one stays unknown
      facts_.push_back({settings_[i].setting, SettingEvent(settings_[i])});
    }
    std::shuffle(facts_.begin(), facts_.end(), random_);
  }

  void Run(FoldDriver& driver) {
    for (auto& [entity, event] : facts_) {
      driver.Append(entity, event);
      for (uint64_t steps = Below(8); steps > 0; --steps) driver.Step();
    }
    driver.Run();
  }

  BruteForceContacts BruteForce() const {
    auto known = settings_;
    known.pop_back();
    for (const std::string& home : homes_) known.push_back({home, std::nullopt});
    return {known, presences_, std::string(kZone), residences_};
  }

  std::set<std::string> HomesOf(const std::string& person) const {
    std::set<std::string> homes;
    for (const BruteForceContacts::Residence& residence : residences_) {
      if (residence.person == person) homes.insert(residence.setting);
    }
    return homes;
  }

  static std::string Person(int number) {
    return DeriveId(kPersonId, {"p", std::to_string(number)});
  }
  static constexpr uint32_t kShards = 5;

 private:
  static Time Begin() { return Time::FromSeconds(1'640'966'400); }  // midnight in Shanghai
  uint64_t Below(uint64_t end) { return random_() % end; }
  bool Chance(uint64_t one_in) { return Below(one_in) == 0; }

  BruteForceContacts::Presence Draw(const std::string& person) {
    const uint64_t where = Below(settings_.size() + homes_.size());
    BruteForceContacts::Presence presence{
        person,
        where < settings_.size() ? settings_[where].setting : homes_[where - settings_.size()],
        Begin() + std::chrono::seconds(Below(uint64_t{4} * 24 * 3600)), std::nullopt};
    // Few different minutes, so that check-ins coincide.
    if (Chance(2)) presence.check_in = Begin() + minutes(30 * Below(uint64_t{4} * 48));
    if (Chance(3)) presence.check_out = presence.check_in + minutes(1 + Below(uint64_t{24} * 60));
    return presence;
  }

  // Some live there, some of them twice.
  void AddMembership(const std::string& person, const std::string& home) {
    if (!Chance(3)) return;
    Event event;
    auto& changed = *event.mutable_membership_changed();
    changed.set_person_id(person);
    changed.set_household_id(home);
    Time from = Begin() + minutes(Below(uint64_t{36} * 60));
    for (uint64_t stays = 1 + Below(2); stays > 0; --stays) {
      const Time until = from + minutes(1 + Below(uint64_t{36} * 60));
      *changed.add_intervals()->mutable_from_time() = ToProto(from);
      *changed.mutable_intervals()->rbegin()->mutable_until_time() = ToProto(until);
      residences_.push_back({person, home, from, until});
      from = until + minutes(1 + Below(uint64_t{24} * 60));
    }
    facts_.push_back({person, std::move(event)});
  }

  void AddPresence(int number) {
    const std::string person = Person(static_cast<int>(Below(10)));
    const std::string id = std::to_string(number);
    const BruteForceContacts::Presence presence = Draw(person);
    facts_.push_back({person, PresenceEvent(presence, id)});
    if (Chance(8)) {
      facts_.push_back({person, DeletionEvent(person, id, 2)});
    } else if (Chance(6)) {
      const BruteForceContacts::Presence corrected = Draw(person);
      facts_.push_back({person, PresenceEvent(corrected, id, 3)});
      presences_.push_back(corrected);
    } else {
      presences_.push_back(presence);
    }
  }

  std::mt19937_64 random_;
  std::vector<BruteForceContacts::Setting> settings_;
  std::vector<BruteForceContacts::Presence> presences_;
  std::vector<std::string> homes_;
  std::vector<BruteForceContacts::Residence> residences_;
  std::vector<std::pair<std::string, Event>> facts_;
};

TEST(ContactsDifferentialTest, RandomCitiesInRandomOrder) {
  size_t contacts = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const ContactTracingFold fold(RandomCity::kShards);
    FoldDriver driver(fold, RandomCity::kShards, seed);
    RandomCity city(seed);
    city.Run(driver);
    const BruteForceContacts brute_force = city.BruteForce();
    for (const int person : {0, 1}) {
      const std::string case_id = CaseIdOf(RandomCity::Person(person), RandomCity::kShards);
      const Found found = Listed(driver, case_id);
      contacts += found.size();
      ExpectSame(found, Expected(driver, brute_force, RandomCity::Person(person), case_id,
                                 city.HomesOf(RandomCity::Person(person))));
      if (testing::Test::HasFailure()) return;
    }
    for (Shard shard = 0; shard < RandomCity::kShards; ++shard) {
      EXPECT_TRUE(driver.digest(shard) == driver.Recounted(shard));
    }
  }
  EXPECT_GT(contacts, 1000u);
}

}  // namespace
}  // namespace epigrid::contact_tracing
