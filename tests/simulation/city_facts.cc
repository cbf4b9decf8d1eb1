#include "tests/simulation/city_facts.h"

#include <fmt/format.h>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "common/base/sha256.h"
#include "common/crypto/testing/memory_key_store.h"
#include "common/projector/commands.h"
#include "services/identity/domain/sealed_content.h"

namespace epigrid {
namespace {

namespace tracing = contact_tracing::v1;
namespace codes = health_code::v1;
using std::chrono::hours;
using std::chrono::minutes;

constexpr char kIdentity[] = "identity";
constexpr char kTracing[] = "contact_tracing";
constexpr char kCodes[] = "health_code";

// 2022-01-07T00:00 in Shanghai; the simulation begins three days and eight hours later.
constexpr Time kStart = Time::FromSeconds(1'641'484'800);

constexpr uint64_t kPeople = 7;
constexpr uint64_t kSettings = 3;
constexpr uint64_t kHouseholds = 2;

template <typename T>
T Now(Task<T> task) {
  Future<T> future = Run(std::move(task));
  EPIGRID_CHECK(future.ready(), "keys in memory answer at once");
  return std::move(future).Wait();
}

// Created with what a seed draws, so that the random source may be gone later.
class Keys final : public KeyStore {
 public:
  explicit Keys(uint64_t seed) : random_(seed), keys_(random_) {}
  Task<Result<std::vector<PersonKey>>> CreateKeys(std::vector<std::string> ids) override {
    return keys_.CreateKeys(std::move(ids));
  }
  Task<Result<std::vector<PersonKey>>> GetKeys(std::vector<std::string> ids) override {
    return keys_.GetKeys(std::move(ids));
  }
  Task<Result<Done>> Tombstone(std::vector<std::string> ids) override {
    return keys_.Tombstone(std::move(ids));
  }

 private:
  SimRandom random_;
  MemoryKeyStore keys_;
};

SecretKey ClaimKey(uint64_t seed) {
  SimRandom random(seed);
  return SecretKey::Random(random);
}

}  // namespace

CityFacts::CityFacts(uint64_t seed, uint32_t shard_count)
    : random_(seed),
      shard_count_(shard_count),
      keys_(std::make_shared<Keys>(seed)),
      claim_key_(ClaimKey(seed)) {
  for (uint64_t i = 0; i < kPeople; ++i) {
    people.push_back(DeriveId(kPersonId, {"person", std::to_string(i)}));
  }
  AddSettings();
  AddHouseholds();
  AddRegistrations();
  for (size_t i = 0; i < people.size(); ++i) {
    AddPresences(people[i]);
    AddEvidence(people[i]);
    // Of some it is the test that opens the case, of others an agency.
    if (i < 2 || random_.Chance(0.15)) {
      i % 2 == 0 ? AddReportedCase(people[i]) : AddTestedCase(people[i]);
    }
  }
}

Time CityFacts::HoursFromStart(int64_t min, int64_t max) {
  return kStart + random_.Between(hours(min), hours(max)) / minutes(5) * minutes(5);
}

Event CityFacts::Decided(Event event, const char* method) {
  const std::string content = event.SerializeAsString();
  events::v1::RequestKey& key = *event.mutable_request();
  key.set_caller("agency");
  key.set_method(method);
  key.set_request_id(std::to_string(++requests_));
  key.set_fingerprint(Sha256(content));
  return event;
}

void CityFacts::AddSettings() {
  for (uint64_t i = 0; i < kSettings; ++i) {
    const std::string id = DeriveId(kSettingId, {"setting", std::to_string(i)});
    BruteForceContacts::Setting& stands = settings.emplace_back();
    stands.setting = id;
    std::vector<CityCommand>& sequence = sequences.emplace_back();
    for (uint64_t changes = 1 + random_.Below(2); changes > 0; --changes) {
      Event event;
      tracing::Setting& setting = *event.mutable_setting_update_requested()->mutable_setting();
      setting.set_setting_id(id);
      setting.set_category(tracing::SETTING_CATEGORY_CATERING);
      stands.usual_stay.reset();
      if (random_.Chance(0.6)) {
        stands.usual_stay = random_.Between(minutes(5), minutes(180)) / minutes(1) * minutes(1);
        setting.mutable_usual_stay()->set_seconds(
            std::chrono::duration_cast<std::chrono::seconds>(*stands.usual_stay).count());
      }
      sequence.push_back({kTracing, id, Decided(std::move(event), "UpdateSetting")});
    }
  }
}

void CityFacts::AddPresences(const std::string& person) {
  for (uint64_t count = random_.Below(7); count > 0; --count) {
    const std::string source_id = fmt::format("presence-{}", ++requests_);
    auto observe = [&](uint32_t revision) {
      CityCommand& command = sequences.emplace_back().emplace_back();
      command.service = kTracing;
      command.entity = person;
      tracing::PresenceObservation& observation =
          *command.event.mutable_presence_observed()->mutable_observation();
      observation.set_source("venue-scan");
      observation.set_source_id(source_id);
      observation.set_revision(revision);
      observation.set_person_id(person);
      return &observation;
    };
    BruteForceContacts::Presence stands;
    auto check_in = [&](uint32_t revision) {
      tracing::CheckIn& made = *observe(revision)->mutable_check_in();
      stands = {person, random_.Pick(settings).setting, HoursFromStart(0, 60), std::nullopt};
      made.set_setting_id(stands.setting);
      *made.mutable_start_time() = ToProto(stands.check_in);
      if (random_.Chance(0.5)) {
        stands.check_out = stands.check_in + random_.Between(minutes(5), hours(5));
        *made.mutable_end_time() = ToProto(*stands.check_out);
      }
    };
    check_in(1);
    uint32_t revision = 1;
    if (random_.Chance(0.2)) check_in(++revision);
    if (random_.Chance(0.3)) {
      stands.check_out = stands.check_in + random_.Between(minutes(20), hours(3));
      *observe(++revision)->mutable_check_out()->mutable_end_time() = ToProto(*stands.check_out);
    }
    if (random_.Chance(0.1)) {
      observe(++revision)->mutable_deletion();
      continue;
    }
    presences.push_back(stands);
  }
}

void CityFacts::AddHouseholds() {
  for (uint64_t i = 0; i < kHouseholds; ++i) {
    households_.push_back(DeriveId(kHouseholdId, {"household", std::to_string(i)}));
  }
  for (const std::string& person : people) {
    if (random_.Chance(0.3)) continue;
    const std::string& household = random_.Pick(households_);
    std::vector<CityCommand>& sequence = sequences.emplace_back();
    for (uint64_t moves = 1 + random_.Below(2); moves > 0; --moves) {
      Event event;
      auto& requested = *event.mutable_household_update_requested();
      requested.set_household_id(household);
      requested.set_person_id(person);
      const Time from = HoursFromStart(-48, 48);
      *requested.mutable_from_time() = ToProto(from);
      if (random_.Chance(0.2)) *requested.mutable_until_time() = ToProto(from + hours(30));
      sequence.push_back({kIdentity, household, Decided(std::move(event), "UpdateHousehold")});
    }
  }
}

void CityFacts::AddRegistrations() {
  for (const std::string& person : people) {
    const std::string document = MakeId(IdKind("document"), random_.NextIdBytes()).substr(0, 32);
    std::vector<std::string>& proposed = proposals[document];
    proposed.push_back(person);
    if (random_.Chance(0.4)) {
      proposed.push_back(DeriveId(kPersonId, {"rival", person}));
    }
    for (const std::string& id : proposed) {
      identity::state::v1::RegistrationContent content;
      content.set_document_hash(document);
      content.set_language("zh");
      content.add_contact_points()->set_endpoint("web");
      const SecretKey key = Now(keys_->CreateKeys({id}))->at(0).key;
      Event event;
      auto& requested = *event.mutable_registration_requested();
      requested.set_proposed_person_id(id);
      requested.set_sealed_registration(identity::SealRegistration(key, id, content, random_));
      requested.set_sealed_claim(identity::SealClaim(claim_key_, id, document, random_));
      sequences.push_back({{kIdentity, document, Decided(std::move(event), "RegisterPerson")}});
    }
  }
}

std::string CityFacts::CaseIdFor(const std::string& person) {
  const Shard shard = ShardOf(person, shard_count_);
  while (true) {
    std::string id = MakeId(kCaseId, random_.NextIdBytes());
    if (ShardOf(id, shard_count_) == shard) return id;
  }
}

void CityFacts::AddReportedCase(const std::string& person) {
  const std::string case_id = CaseIdFor(person);
  std::vector<CityCommand>& sequence = sequences.emplace_back();
  auto add = [&](Event event, const char* method) {
    event.mutable_case_update_requested()->set_case_id(case_id);
    sequence.push_back({kTracing, person, Decided(std::move(event), method)});
  };
  Event report;
  report.mutable_case_update_requested()->set_person_id(person);
  auto& open = *report.mutable_case_update_requested()->mutable_open();
  open.set_state(tracing::CASE_STATE_REPORTED);
  *open.mutable_sampled_time() = ToProto(HoursFromStart(24, 72));
  if (random_.Chance(0.5)) *open.mutable_onset_time() = ToProto(HoursFromStart(24, 72));
  add(std::move(report), "ReportCase");
  for (uint64_t changes = random_.Below(4); changes > 0; --changes) {
    Event event;
    auto& requested = *event.mutable_case_update_requested();
    switch (random_.Below(3)) {
      case 0: requested.set_state(tracing::CASE_STATE_CONFIRMED); break;
      case 1: requested.set_state(tracing::CASE_STATE_EXCLUDED); break;
      default: *requested.mutable_onset_time() = ToProto(HoursFromStart(0, 72));
    }
    add(std::move(event), "UpdateCase");
  }
}

void CityFacts::AddTestedCase(const std::string& person) {
  const std::string source_id = fmt::format("test-{}", ++requests_);
  const uint64_t revisions = 1 + random_.Below(3);
  for (uint64_t revision = 1; revision <= revisions; ++revision) {
    CityCommand& command = sequences.emplace_back().emplace_back();
    command.service = kCodes;
    command.entity = person;
    codes::Evidence& evidence = *command.event.mutable_evidence_observed()->mutable_evidence();
    evidence.set_source("laboratory");
    evidence.set_source_id(source_id);
    evidence.set_revision(static_cast<uint32_t>(revision));
    evidence.set_person_id(person);
    if (revision > 1 && random_.Chance(0.3)) {
      evidence.set_withdrawn(true);
      continue;
    }
    codes::TestResult& test = *evidence.mutable_test();
    test.set_sampling_id(source_id);
    test.set_method(codes::TEST_METHOD_NUCLEIC_ACID);
    test.set_outcome(revision == 1 || random_.Chance(0.7) ? codes::TEST_OUTCOME_POSITIVE
                                                          : codes::TEST_OUTCOME_NEGATIVE);
    *test.mutable_sampled_time() = ToProto(HoursFromStart(48, 72));
    *test.mutable_reported_time() = ToProto(kStart + hours(74));
  }
}

void CityFacts::AddEvidence(const std::string& person) {
  auto evidence_of = [&](const std::string& source_id) {
    CityCommand& command = sequences.emplace_back().emplace_back();
    command.service = kCodes;
    command.entity = person;
    codes::Evidence& evidence = *command.event.mutable_evidence_observed()->mutable_evidence();
    evidence.set_source("agency");
    evidence.set_source_id(source_id);
    evidence.set_revision(1);
    evidence.set_person_id(person);
    return &evidence;
  };
  for (uint64_t count = random_.Below(3); count > 0; --count) {
    const std::string sampling = fmt::format("sampling-{}", ++requests_);
    codes::TestResult& test = *evidence_of(sampling)->mutable_test();
    test.set_sampling_id(sampling);
    test.set_method(codes::TEST_METHOD_NUCLEIC_ACID);
    test.set_outcome(codes::TEST_OUTCOME_NEGATIVE);
    const Time sampled = HoursFromStart(0, 74);
    *test.mutable_sampled_time() = ToProto(sampled);
    *test.mutable_reported_time() = ToProto(sampled + hours(3));
  }
  if (random_.Chance(0.3)) {
    codes::IsolationOrder& order =
        *evidence_of(fmt::format("order-{}", ++requests_))->mutable_isolation_order();
    const Time start = HoursFromStart(40, 74);
    *order.mutable_start_time() = ToProto(start);
    if (random_.Chance(0.5)) *order.mutable_end_time() = ToProto(start + hours(24 * 7));
    order.set_measure(random_.Chance(0.5) ? codes::MEASURE_CENTRAL : codes::MEASURE_HOME);
    order.mutable_basis()->set_sampling_id("sampling");
  }
}

}  // namespace epigrid
