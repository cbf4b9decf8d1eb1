#include <fmt/format.h>

#include "common/projector/outcomes.h"
#include "tests/fakes/counting_fold.h"
#include "tests/simulation/scenario.h"

namespace epigrid {
namespace {

constexpr char kCounting[] = "counting";
constexpr char kFollowing[] = "following";
constexpr uint64_t kPeople = 5;
constexpr uint64_t kHouseholds = 3;

std::string Person(uint64_t number) { return fmt::format("person{}", number); }

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
  }

  void Act(World& world) override {
    SimRandom& random = world.random();
    if (acts_until_killer_ > 0 && --acts_until_killer_ == 0) {
      const Event killer = MembershipStated("household0", "killed");
      world.AddKiller(killer);
      world.client().Send(kCounting, "household0", killer);
      return;
    }
    const std::string person = Person(random.Below(kPeople));
    if (random.Chance(0.8)) {
      const std::string household = fmt::format("household{}", random.Below(kHouseholds));
      world.client().Send(kCounting, household, MembershipStated(household, person));
      return;
    }
    // Under few request ids, so that some come again with other content.
    world.client().Send(kCounting, person,
                        UpdateRequested(person, fmt::format("timer:{}", random.Below(20)),
                                        std::to_string(random.Below(30))));
  }

  void Check(World& world) override {
    std::map<std::string, uint64_t> met;
    std::map<std::string, std::string> texts;  // by person: the first
    // The first request of a shard under an outcome's cell.
    std::map<std::pair<Shard, std::string>, bool> accepted;
    for (Shard shard = 0; shard < world.options().shard_count; ++shard) {
      for (const LogRecord& record : world.log().shard({"counting.inbox", shard}).records) {
        Envelope envelope;
        if (!envelope.ParseFromString(record.value) || envelope.events_size() != 1) continue;
        const Event& event = envelope.events(0);
        if (event.has_membership_stated()) ++met[event.membership_stated().person_id()];
        if (!event.has_person_update_requested()) continue;
        const auto& request = event.person_update_requested();
        const std::string cell = OutcomeCell(event.request());
        if (accepted.contains({shard, cell})) continue;
        accepted[{shard, cell}] =
            texts.try_emplace(request.person_id(), request.sealed_update()).second;
      }
    }
    for (uint64_t i = 0; i < kPeople; ++i) {
      const std::string person = Person(i);
      const std::string want = met.contains(person) ? std::to_string(met[person]) : "";
      for (const char* service : {kCounting, kFollowing}) {
        const std::string got = Cell(world, service, person, "met:" + person);
        if (got != want) {
          world.Fail(
              fmt::format("{} counted {} meetings of {}, not {}", service, got, person, want));
        }
      }
      if (Cell(world, kCounting, person, "text:" + person) != texts[person]) {
        world.Fail("not the first text stands of " + person);
      }
    }
    for (const auto& [cell, was_accepted] : accepted) {
      CheckOutcome(world, cell.first, cell.second, was_accepted);
    }
  }

 private:
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
};

}  // namespace

std::unique_ptr<Scenario> MakeCountingScenario() { return std::make_unique<CountingScenario>(); }

}  // namespace epigrid
