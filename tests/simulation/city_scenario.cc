// The city: what its partners send, and what its people must see in the end.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/base/ids.h"
#include "epigrid/contact_tracing/state/v1/state.pb.h"
#include "epigrid/health_code/state/v1/state.pb.h"
#include "epigrid/identity/state/v1/state.pb.h"
#include "epigrid/notification/state/v1/state.pb.h"
#include "services/contact_tracing/domain/contact_tracing_fold.h"
#include "services/health_code/domain/built_in_policy.h"
#include "services/health_code/domain/health_code_fold.h"
#include "services/identity/domain/identity_fold.h"
#include "services/notification/domain/notification_fold.h"
#include "services/notification/view/keys.h"
#include "tests/simulation/city_expected.h"
#include "tests/simulation/rubbish.h"
#include "tests/simulation/scenario.h"
#include "tests/simulation/sim_sender.h"

namespace epigrid {
namespace {

constexpr char kTracing[] = "contact_tracing";
constexpr char kCodes[] = "health_code";
constexpr char kIdentity[] = "identity";
constexpr char kNotification[] = "notification";
constexpr std::chrono::seconds kAttemptTimeout(10);

class CityScenario final : public Scenario {
 public:
  explicit CityScenario(uint64_t seed, uint32_t shard_count) : facts_(seed, shard_count) {}

  std::vector<ServiceSpec> Services() override;
  void Prepare(World& world) override;
  size_t Actions(World&) override { return actions_; }
  void Act(World& world) override;
  void Check(World& world) override;
  bool GoOn(World& world) override;

 private:
  static ShardCells CellsOf(World& world, const std::string& service, Shard shard) {
    const ShardImage* live = world.service(service).view().Live(shard);
    return {live->meta.shard_time, &live->strings, &live->hashes};
  }
  static NewRecord DrawRubbish(World& world);
  static std::string UnsentMessages(World& world);
  void CheckPicture(World& world);
  void CheckBruteForce(World& world, const CityPicture& picture);
  void CheckClaims(World& world);
  void CheckMessages(World& world);
  void CheckVersions(World& world);

  CityFacts facts_;
  std::vector<size_t> turns_;  // the sequence whose next command is sent
  std::vector<size_t> next_;   // by sequence
  size_t actions_ = 0;
  Deliveries deliveries_;
  int days_left_ = 1;
};

std::vector<ServiceSpec> CityScenario::Services() {
  contact_tracing::state::v1::TracingConfiguration tracing;
  tracing.set_time_zone("Asia/Shanghai");
  notification::state::v1::SendingConfiguration sending =
      notification::DefaultSendingConfiguration();
  sending.set_attempt_timeout_seconds(kAttemptTimeout.count());
  sending.set_backoff_initial_ms(500);
  sending.set_backoff_max_ms(4'000);
  sending.set_expire_after_hours(24 * 60);
  return {{kIdentity,
           [keys = facts_.keys(), claim_key = facts_.claim_key()] {
             return std::make_unique<identity::IdentityFold>(keys, claim_key);
           },
           ""},
          {kTracing,
           [shards = WorldOptions().shard_count] {
             return std::make_unique<contact_tracing::ContactTracingFold>(shards);
           },
           tracing.SerializeAsString()},
          {kCodes, [] { return std::make_unique<health_code::HealthCodeFold>(); },
           health_code::DefaultPolicyConfiguration().SerializeAsString()},
          {kNotification, [] { return std::make_unique<notification::NotificationFold>(); },
           sending.SerializeAsString()}};
}

void CityScenario::Prepare(World& world) {
  for (size_t i = 0; i < facts_.sequences.size(); ++i) {
    turns_.insert(turns_.end(), facts_.sequences[i].size(), i);
  }
  world.random().Shuffle(turns_);
  next_.resize(facts_.sequences.size());
  actions_ = turns_.size();
  if (world.random().Chance(0.1)) {
    world.AddKiller(world.random().Pick(world.random().Pick(facts_.sequences)).event);
  }
  for (int i = 0; i < 2; ++i) {
    world.AddActor(std::make_unique<SimSender>(world, world.service(kNotification), deliveries_));
  }
  world.unrest = [&world] { return UnsentMessages(world); };
  if (world.random().Chance(0.5)) world.draw_rubbish = [&world] { return DrawRubbish(world); };
}

void CityScenario::Act(World& world) {
  const size_t sequence = turns_.back();
  turns_.pop_back();
  const CityCommand& command = facts_.sequences[sequence][next_[sequence]++];
  world.Trace("send {} {}", command.service, command.event.ShortDebugString());
  world.client().Send(command.service, command.entity, command.event);
}

// Of people whom nobody knows, or with a key that is none: everybody else gets what is theirs.
NewRecord CityScenario::DrawRubbish(World& world) {
  SimRandom& random = world.random();
  const SimService& service = *random.Pick(world.services());
  std::vector<std::string> topics = service.fold().subscriptions();
  topics.push_back(service.inbox());
  auto stranger = [&random] { return fmt::format("stranger{}", random.Below(5)); };
  RubbishPlan plan;
  plan.to = {random.Pick(topics), static_cast<Shard>(random.Below(world.options().shard_count))};
  switch (random.Below(4)) {
    case 0: break;
    case 1: plan.key = "\xff"; break;
    default: plan.key = stranger();
  }
  if (random.Chance(0.5)) plan.stated = stranger();
  return MakeRubbish(world, plan);
}

std::string CityScenario::UnsentMessages(World& world) {
  for (Shard shard = 0; shard < world.options().shard_count; ++shard) {
    const ShardImage* live = world.service(kNotification).view().Live(shard);
    if (live->indexes.contains(notification::keys::kDueIndex)) return "messages are due";
    for (const auto& [id, due] : live->timers()) {
      if (!id.starts_with(notification::keys::kTimerPrefix)) continue;
      const Duration left = due - live->meta.shard_time;
      // A sender whose clock was wrong makes a message wait for minutes, which nobody has to watch.
      if (left > std::chrono::seconds(30)) world.scheduler().Jump(std::chrono::seconds(30));
      return fmt::format("{} waits for {} s of shard time more", id, left.count() / 1'000'000);
    }
  }
  return {};
}

void CityScenario::Check(World& world) {
  CheckPicture(world);
  CheckClaims(world);
  CheckMessages(world);
  CheckVersions(world);
}

bool CityScenario::GoOn(World& world) {
  if (days_left_-- == 0) return false;
  // The codes move on by themselves, and messages follow.
  world.scheduler().Jump(std::chrono::hours(24 * static_cast<int>(1 + world.random().Below(6))));
  return true;
}

void CityScenario::CheckPicture(World& world) {
  const CityPicture picture = PictureOf(
      world.options().shard_count,
      [&](const std::string& service, Shard shard) { return CellsOf(world, service, shard); });
  const CityPicture expected =
      ExpectedPicture(facts_, world.options().shard_count,
                      [&](Shard shard) { return CellsOf(world, kCodes, shard).time; });
  auto compare = [&](const auto& got, const auto& want, const char* what) {
    for (const auto& [id, text] : want) {
      auto found = got.find(id);
      const std::string& other = found == got.end() ? "nothing" : found->second;
      if (other != text) {
        world.Fail(fmt::format("{} {} is{}\n and in another order{}", what, id, other, text));
      }
    }
    if (got.size() != want.size()) world.Fail(fmt::format("there are {} too many", what));
  };
  compare(picture.cases, expected.cases, "case");
  compare(picture.codes, expected.codes, "code");
  CheckBruteForce(world, picture);
}

void CityScenario::CheckBruteForce(World& world, const CityPicture& picture) {
  const BruteForceContacts city(facts_.settings, facts_.presences, "Asia/Shanghai");
  for (const auto& [case_id, window] : picture.windows) {
    std::map<BruteForceContacts::PersonAndSetting, std::map<int32_t, int64_t>> want;
    for (const auto& [who, together] : city.Find(window.person, window.from, window.until)) {
      want[who] = together.minutes_by_day;
    }
    if (picture.met.at(case_id) != want) {
      world.Fail(fmt::format("case {}: {} contacts in venues, not the {} of all pairs", case_id,
                             picture.met.at(case_id).size(), want.size()));
    }
  }
}

void CityScenario::CheckClaims(World& world) {
  for (const auto& [document, proposed] : facts_.proposals) {
    size_t registered = 0;
    for (const std::string& person : proposed) {
      const auto& strings =
          *CellsOf(world, kIdentity, ShardOf(person, world.options().shard_count)).strings;
      auto found = strings.find("person:" + person);
      if (found == strings.end()) continue;
      identity::state::v1::StoredPerson stored;
      if (stored.ParseFromString(found->second) && stored.registered()) ++registered;
    }
    if (registered != 1) world.Fail(fmt::format("{} people have one document", registered));
  }
}

// One message for each published change of a code; the newest is delivered and says what holds.
void CityScenario::CheckMessages(World& world) {
  std::set<std::string> sent;
  for (const Delivered& each : deliveries_) sent.insert(each.message_id);
  std::map<std::string, std::set<std::string>> wanted;                // message ids by person
  std::map<std::string, std::pair<uint64_t, std::string>> newest_of;  // version and id, by person
  for (Shard shard = 0; shard < world.options().shard_count; ++shard) {
    for (const LogRecord& record : world.log().Ever({"health_code.code.v1", shard})) {
      Envelope envelope;
      if (!envelope.ParseFromString(record.value)) continue;  // a stranger's
      for (const Event& event : envelope.events()) {
        if (!event.has_code_changed()) continue;
        const events::v1::CodeChanged& changed = event.code_changed();
        const std::string id =
            DeriveId(kMessageId, {"code", changed.person_id(), std::to_string(changed.version())});
        wanted[changed.person_id()].insert(id);
        auto& [version, newest] = newest_of[changed.person_id()];
        if (changed.version() > version) newest = id;
        version = std::max(version, changed.version());
      }
    }
  }
  std::set<std::string> known;
  for (const std::string& person : facts_.people) {
    const Shard shard = ShardOf(person, world.options().shard_count);
    const auto& hashes = *CellsOf(world, kNotification, shard).hashes;
    std::set<std::string> got;
    notification::state::v1::StoredMessage newest;
    if (auto found = hashes.find(notification::keys::Messages(person)); found != hashes.end()) {
      for (const auto& [id, bytes] : found->second) {
        notification::state::v1::StoredMessage stored;
        EPIGRID_CHECK(stored.ParseFromString(bytes), "a message parses");
        got.insert(id);
        world.Trace("mailbox {} at {}: {}", id, stored.created_at_version(),
                    stored.ShortDebugString());
        if (id == newest_of[person].second) newest = stored;
        if (stored.message().state() == notification::v1::MESSAGE_STATE_DELIVERED &&
            !sent.contains(id)) {
          world.Fail("delivered, but it never left: " + id);
        }
      }
    }
    known.insert(got.begin(), got.end());
    if (got != wanted[person]) {
      world.Fail(fmt::format("{} has {} messages for {} changes", person, got.size(),
                             wanted[person].size()));
    }
    if (got.empty()) continue;
    if (newest.message().state() != notification::v1::MESSAGE_STATE_DELIVERED) {
      world.Fail(fmt::format("the newest message of {} is {}", person,
                             notification::v1::MessageState_Name(newest.message().state())));
    }
    const auto& codes = *CellsOf(world, kCodes, shard).strings;
    health_code::state::v1::StoredCode code;
    EPIGRID_CHECK(code.ParseFromString(codes.at("code:" + person)), "a code parses");
    if (newest.message().colour() != code.published_colour() ||
        newest.message().measure() != code.published_measure()) {
      world.Fail("the last message does not match the code of " + person);
    }
  }
  for (const std::string& id : sent) {
    if (!known.contains(id)) world.Fail("a message left that nobody knows of: " + id);
  }
}

// What a consumer's log has of one entity from one topic, without repetitions, rises in version.
void CityScenario::CheckVersions(World& world) {
  std::map<std::string, uint64_t> last;
  std::set<std::string> seen;
  for (Shard shard = 0; shard < world.options().shard_count; ++shard) {
    for (const LogRecord& record : world.log().Ever({"health_code.inbox", shard})) {
      Envelope envelope;
      if (!envelope.ParseFromString(record.value) || !envelope.has_position()) continue;
      if (!seen.insert(fmt::format("{} {}", shard, envelope.position().ShortDebugString()))
               .second) {
        continue;
      }
      for (const Event& event : envelope.events()) {
        const bool exposure = event.has_exposure_changed();
        if (!exposure && !event.has_case_changed()) continue;
        const std::string id = exposure ? event.exposure_changed().person_id() + "/" +
                                              event.exposure_changed().case_id()
                                        : event.case_changed().case_id();
        const uint64_t version =
            exposure ? event.exposure_changed().version() : event.case_changed().version();
        uint64_t& before = last[id];
        if (version <= before) world.Fail("a version came twice or out of order: " + id);
        before = version;
      }
    }
  }
}

}  // namespace

std::unique_ptr<Scenario> MakeCityScenario(const WorldOptions& options) {
  return std::make_unique<CityScenario>(options.seed, options.shard_count);
}

}  // namespace epigrid
