#include <fmt/format.h>

#include <map>
#include <set>

#include "common/projector/outcomes.h"
#include "common/projector/parking.h"
#include "tests/fakes/counting_fold.h"
#include "tests/simulation/rubbish.h"
#include "tests/simulation/scenario.h"

namespace epigrid {
namespace {

constexpr char kCounting[] = "counting";
constexpr char kFollowing[] = "following";
constexpr char kPublic[] = "counting.member.v1";
constexpr uint64_t kPeople = 5;
constexpr uint64_t kHouseholds = 3;
// So many records that nobody understands concern them; what follows concerns strangers, so that
// not everybody waits in the end.
constexpr uint64_t kRubbishOfKnownMax = 2;

std::string Person(uint64_t number) { return fmt::format("person{}", number); }
std::string Household(uint64_t number) { return fmt::format("household{}", number); }

Event MembershipChanged(const std::string& person) {
  Event event;
  event.mutable_membership_changed()->set_person_id(person);
  return event;
}

// What one shard's log says, by itself: each record once, and of which entities events wait for
// ever: those behind rubbish that concerns them. Nothing else may wait.
class ShardOfLog {
 public:
  ShardOfLog(World& world, const std::string& service, Shard shard) : fold_(service) {
    const TopicShard inbox{service + ".inbox", shard};
    for (const LogRecord& record : world.log().Ever(inbox)) {
      Read(record, world.IsRubbish(inbox, record.value));
    }
  }

  struct Logged {
    Event event;
    bool folded = false;
  };
  const std::vector<Logged>& events() const { return events_; }
  // By offset: whom they concern.
  const std::map<Offset, std::set<std::string>>& rubbish() const { return rubbish_; }

 private:
  void Read(const LogRecord& record, bool of_stranger) {
    const std::string position = PositionOf(record.value);
    if (!position.empty() && !seen_.insert(position).second) return;
    const bool rubbish = !ReasonToPark(record.value).empty();
    Envelope envelope;
    if (!envelope.ParseFromString(record.value)) envelope.Clear();
    std::set<std::string> entities;
    if (!record.key.empty()) entities.insert(record.key);
    for (const Event& event : envelope.events()) {
      const bool known = event.kind_case() != Event::KIND_NOT_SET;
      bool waits = rubbish;
      for (const std::string& entity :
           known ? fold_.Entities(event) : std::vector<std::string>{event.entity()}) {
        if (!entity.empty()) entities.insert(entity);
        waits |= waiting_.contains(entity);
      }
      if (known && !of_stranger) events_.push_back({event, !waits});
    }
    if (!rubbish) return;
    waiting_.insert(entities.begin(), entities.end());
    rubbish_[record.offset] = std::move(entities);
  }

  const CountingFold fold_;
  std::vector<Logged> events_;
  std::map<Offset, std::set<std::string>> rubbish_;
  std::set<std::string> waiting_;
  std::set<std::string> seen_;  // positions
};

class CountingScenario final : public Scenario {
 public:
  std::vector<ServiceSpec> Services() override {
    return {{kCounting, [] { return std::make_unique<CountingFold>(kCounting); }, "one"},
            {kFollowing,
             [] {
               return std::make_unique<CountingFold>(
                   kFollowing, std::vector<std::string>{"counting.member.v1"});
             },
             "two"}};
  }

  size_t Actions(World& world) override { return 20 + world.random().Below(80); }

  void Prepare(World& world) override {
    if (world.random().Chance(0.2)) acts_until_killer_ = 1 + world.random().Below(20);
    if (world.random().Chance(0.5)) {
      world.draw_rubbish = [this, &world] { return DrawRubbish(world); };
    }
  }

  void Act(World& world) override {
    SimRandom& random = world.random();
    if (acts_until_killer_ > 0 && --acts_until_killer_ == 0) {
      const Event killer = MembershipStated(Household(0), "killed");
      world.AddKiller(killer);
      world.client().Send(kCounting, Household(0), killer);
      return;
    }
    const std::string person = Person(random.Below(kPeople));
    if (random.Chance(0.8)) {
      const std::string household = Household(random.Below(kHouseholds));
      world.client().Send(kCounting, household, MembershipStated(household, person));
      return;
    }
    // Under few request ids, so that some come again with other content.
    world.client().Send(kCounting, person,
                        UpdateRequested(person, fmt::format("timer:{}", random.Below(20)),
                                        std::to_string(random.Below(30))));
  }

  void Check(World& world) override {
    Meetings meetings;
    for (Shard shard = 0; shard < world.options().shard_count; ++shard) {
      const ShardOfLog counting(world, kCounting, shard);
      const ShardOfLog following(world, kFollowing, shard);
      for (const auto& [event, folded] : counting.events()) {
        meetings.stated[event.membership_stated().person_id()] += folded;
        Add(event, folded, meetings.changed);
      }
      for (const auto& [event, folded] : following.events()) {
        Add(event, folded, meetings.followed);
      }
      CheckWaiting(world, kCounting, shard, counting.rubbish());
      CheckWaiting(world, kFollowing, shard, following.rubbish());
      CheckRequests(world, shard, counting);
    }
    CheckMeetings(world, meetings);
  }

 private:
  struct Count {
    uint64_t arrived = 0;
    uint64_t folded = 0;
  };
  // By person.
  struct Meetings {
    std::map<std::string, uint64_t> stated;  // by households, and folded
    std::map<std::string, Count> changed;    // in the person's shard
    std::map<std::string, Count> followed;   // in that of the other service
  };

  static void Add(const Event& event, bool folded, std::map<std::string, Count>& counts) {
    if (!event.has_membership_changed()) return;
    Count& count = counts[event.membership_changed().person_id()];
    ++count.arrived;
    count.folded += folded;
  }

  NewRecord DrawRubbish(World& world) {
    SimRandom& random = world.random();
    const bool known = rubbish_of_known_++ < kRubbishOfKnownMax;
    const std::string person =
        known ? Person(random.Below(kPeople)) : fmt::format("stranger{}", random.Below(3));
    const std::string household =
        known ? Household(random.Below(kHouseholds)) : fmt::format("strangers{}", random.Below(3));
    const uint64_t where = random.Below(3);
    const bool of_household = where == 0 && random.Chance(0.5);
    const std::string& entity = of_household ? household : person;
    RubbishPlan plan;
    plan.known = where == 0 ? MembershipStated(household, person) : MembershipChanged(person);
    switch (random.Below(6)) {
      case 0: break;
      case 1: plan.key = "\xff"; break;
      case 2: plan.key = fmt::format("stranger{}", random.Below(3)); break;
      default: plan.key = entity;
    }
    if (plan.key != entity || random.Chance(0.3)) plan.stated = entity;
    const uint32_t shards = world.options().shard_count;
    switch (where) {
      case 0: plan.to = {"counting.inbox", ShardOf(entity, shards)}; break;
      case 1: plan.to = {"following.inbox", ShardOf(entity, shards)}; break;
      default: plan.to = {kPublic, static_cast<Shard>(random.Below(shards))};
    }
    return MakeRubbish(world, plan);
  }

  // The records that wait in the end are those that nobody understands, with whom they concern.
  static void CheckWaiting(World& world, const char* service, Shard shard,
                           const std::map<Offset, std::set<std::string>>& want) {
    const auto& strings = world.service(service).view().Live(shard)->strings;
    const auto cell = strings.find(std::string(kParkedCell));
    std::map<Offset, std::set<std::string>> got;
    if (cell != strings.end()) {
      const std::optional<ParkedRecords> parked = ParkedRecords::Decode(cell->second);
      for (const ParkedRoot& root : parked->roots()) {
        got[root.offset] = {root.entities.begin(), root.entities.end()};
      }
    }
    if (got != want) {
      world.Fail(
          fmt::format("{} shard {}: {} records wait and not {}, or not for whom they concern",
                      service, shard, got.size(), want.size()));
    }
  }

  // Each meeting counts once on every hop, unless it waits there.
  static void CheckMeetings(World& world, Meetings& meetings) {
    std::map<std::string, uint64_t> published, by_counting;
    std::set<std::string> seen;
    for (Shard shard = 0; shard < world.options().shard_count; ++shard) {
      for (const LogRecord& record : world.log().Ever({kPublic, shard})) {
        Envelope envelope;
        if (!envelope.ParseFromString(record.value)) continue;
        if (!seen.insert(PositionOf(record.value)).second) continue;
        for (const Event& event : envelope.events()) {
          if (!event.has_membership_changed()) continue;
          const std::string& person = event.membership_changed().person_id();
          ++published[person];
          by_counting[person] += envelope.position().stream() == kPublic;
        }
      }
    }
    std::set<std::string> people;
    for (const auto& [person, count] : meetings.stated) people.insert(person);
    for (const auto& [person, count] : published) people.insert(person);
    people.erase("");
    for (const std::string& person : people) {
      const Count& changed = meetings.changed[person];
      const Count& followed = meetings.followed[person];
      auto expect = [&](uint64_t got, uint64_t want, const char* what) {
        if (got != want) world.Fail(fmt::format("{} of {}: {}, not {}", what, person, got, want));
      };
      expect(changed.arrived, meetings.stated[person], "meetings that arrived");
      expect(by_counting[person], changed.folded, "meetings that were published");
      expect(followed.arrived, published[person], "meetings that were copied");
      expect(Met(world, kCounting, person), changed.folded, "meetings counted");
      expect(Met(world, kFollowing, person), followed.folded, "meetings followed");
    }
  }

  // The first text of a person stands, and each request was decided once.
  static void CheckRequests(World& world, Shard shard, const ShardOfLog& log) {
    std::map<std::string, std::string> texts;  // by person: the first
    std::map<std::string, bool> accepted;      // by the outcome's cell: the first request
    for (const auto& [event, folded] : log.events()) {
      if (!event.has_person_update_requested() || !folded) continue;
      const auto& request = event.person_update_requested();
      const std::string cell = OutcomeCell(event.request());
      if (accepted.contains(cell)) continue;
      accepted[cell] = texts.try_emplace(request.person_id(), request.sealed_update()).second;
    }
    for (uint64_t i = 0; i < kPeople; ++i) {
      const std::string person = Person(i);
      if (ShardOf(person, world.options().shard_count) != shard) continue;
      if (Cell(world, kCounting, person, "text:" + person) != texts[person]) {
        world.Fail("not the first text stands of " + person);
      }
    }
    for (const auto& [cell, was_accepted] : accepted) {
      CheckOutcome(world, shard, cell, was_accepted);
    }
  }

  static uint64_t Met(World& world, const char* service, const std::string& person) {
    const std::string count = Cell(world, service, person, "met:" + person);
    return count.empty() ? 0 : std::stoull(count);
  }
  static std::string Cell(World& world, const char* service, const std::string& entity,
                          const std::string& key) {
    const auto& strings =
        world.service(service).view().Live(ShardOf(entity, world.options().shard_count))->strings;
    auto found = strings.find(key);
    return found == strings.end() ? "" : found->second;
  }

  static void CheckOutcome(World& world, Shard shard, const std::string& cell, bool accepted) {
    const auto& strings = world.service(kCounting).view().Live(shard)->strings;
    auto found = strings.find(cell);
    if (found == strings.end()) return world.Fail(cell + " has no outcome");
    const std::optional<DecodedOutcome> outcome = DecodeOutcome(found->second);
    if (!outcome.has_value() || outcome->outcome.status.ok() != accepted) {
      world.Fail(cell + " was decided otherwise than its first request");
    }
  }

  uint64_t acts_until_killer_ = 0;  // 0: none comes
  uint64_t rubbish_of_known_ = 0;   // records
};

}  // namespace

std::unique_ptr<Scenario> MakeCountingScenario() { return std::make_unique<CountingScenario>(); }

}  // namespace epigrid
