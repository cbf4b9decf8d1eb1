// The identity service on real Redis processes, without gRPC: one or two instances that share log,
// views and keys, each with its own loops, connections and leases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/base/proto_time.h"
#include "common/crypto/redis_key_store.h"
#include "common/projector/emission.h"
#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"
#include "common/service/storage_config.h"
#include "services/identity/api/identity_commands.h"
#include "services/identity/domain/check_digits.h"
#include "services/identity/domain/identity_fold.h"
#include "services/identity/view/keys.h"
#include "services/identity/worker/lost_claims.h"
#include "tests/fakes/wait_until.h"

namespace epigrid::identity {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr uint32_t kShards = 8;
constexpr Duration kPatience = 60s;

// testing::Test has a Run of its own.
template <typename T>
T Await(Task<T> task) {
  return Run(std::move(task)).Wait();
}

std::string UnixAddress(const RedisServer& server) {
  return "unix:" + server.address().unix_socket;
}

// An instance as a process has it.
class Instance {
 public:
  Instance(const std::string& name, const RedisServer& log, const RedisServer& view,
           const MasterKeys& master_keys)
      : storage_(StorageOf(name, log, view)),
        hashes_(master_keys),
        runtime_(
            storage_.RuntimeOptions(), loop_, std::string(kService),
            [&](EventLoop& loop) -> std::unique_ptr<Fold> {
              auto keys = std::make_shared<Keys>(loop, storage_.LogRedis(), master_keys);
              return std::make_unique<IdentityFold>(std::shared_ptr<KeyStore>(keys, &keys->store),
                                                    hashes_.claim_key());
            },
            "", metrics_),
        keys_(runtime_.loop(), storage_.LogRedis(), master_keys),
        directory_(runtime_.cells(), keys_.store),
        commands_({.keys = keys_.store,
                   .commands = runtime_.commands(),
                   .gate = runtime_.fold_gate(),
                   .log = runtime_.log(),
                   .shards = runtime_.shards(),
                   .cells = runtime_.cells(),
                   .directory = directory_,
                   .hashes = hashes_,
                   .document_shards = document_shards_,
                   .random = random_,
                   .zone = zone_}),
        settler_(runtime_.loop(), runtime_.cells(), runtime_.shards(), keys_.store,
                 runtime_.commands(), document_shards_, {.shard_count = kShards}) {
    const Status started = runtime_.Start();
    EPIGRID_CHECK(started.ok(), started.ToString());
    // Calls before the first generation is live are refused, which is not what is tested here.
    WaitUntil([this] {
      for (Shard shard = 0; shard < kShards; ++shard) {
        if (!runtime_.shards().Live(shard).ok()) return false;
      }
      return true;
    });
  }
  ~Instance() { runtime_.Stop(); }

  CommandContext Context() const {
    return {.origin = {.recorded_at = clock_.Now(),
                       .actor = "tester",
                       .purpose = "epidemic_control",
                       .traceparent = ""},
            .method = "epigrid.identity.v1.IdentityService/Test",
            .deadline = clock_.Now() + kPatience};
  }
  Task<IdentityCommands::RegisteredBatch> Register(std::vector<v1::Registration> registrations,
                                                   std::string request_id = "") const {
    return commands_.Register(Context(), std::move(registrations), std::move(request_id),
                              "registrations");
  }
  IdentityCommands::Registered RegisterOne(const v1::Registration& registration,
                                           std::string request_id = "") {
    IdentityCommands::RegisteredBatch batch =
        Await(Register({registration}, std::move(request_id)));
    See(batch.revision);
    return batch.results[0];
  }
  // Waits until this instance's queries see what a command did.
  void See(const std::vector<ShardPosition>& revision) {
    const Status seen = runtime_.shards().WaitFor(revision, clock_.Now() + kPatience).Wait();
    ASSERT_TRUE(seen.ok()) << seen.ToString();
  }
  Result<v1::Person> Get(const std::string& id) { return Await(directory_.GetPerson(id)); }
  Result<std::vector<ShardPosition>> Update(const v1::UpdatePersonRequest& request) {
    return Await(commands_.UpdatePerson(Context(), request));
  }
  std::vector<std::string> LostClaims(Shard shard) {
    return *Await(runtime_.cells().PageShardIndex(shard, keys::kLostClaims, "", 1000));
  }
  std::vector<std::string> LostClaims() {
    std::vector<std::string> lost;
    for (Shard shard = 0; shard < kShards; ++shard) {
      for (std::string& id : LostClaims(shard)) lost.push_back(std::move(id));
    }
    return lost;
  }
  // Parks a record that cannot be read, and with it what concerns this person in the shard.
  void Park(Shard shard, const std::string& person_id) {
    const auto producer = runtime_.log().NewProducer();
    const auto appended =
        producer->Append({{{InboxTopic(kService), shard}, person_id, "rubbish"}}).Wait();
    EPIGRID_CHECK(appended.ok(), appended.status().ToString());
    WaitUntil([&] { return runtime_.shards().IsParked(shard, person_id); });
  }

  KeyStore& keys() { return keys_.store; }
  const IdentityCommands& commands() const { return commands_; }
  const PersonDirectory& directory() const { return directory_; }
  LostClaimSettler& settler() { return settler_; }

 private:
  struct Keys {
    Keys(EventLoop& loop, const RedisOptions& options, const MasterKeys& master_keys)
        : redis(loop, options), store(redis, master_keys, random, clock, {}) {}
    OpenSslRandom random;
    SystemClock clock;
    RedisClient redis;
    RedisKeyStore store;
  };

  static StorageConfig StorageOf(const std::string& name, const RedisServer& log,
                                 const RedisServer& view) {
    StorageConfig storage;
    storage.log_address = UnixAddress(log);
    storage.view_address = UnixAddress(view);
    storage.shard_count = kShards;
    storage.instance_name = name;
    return storage;
  }

  const StorageConfig storage_;
  const IdentityHashes hashes_;
  const DocumentShards document_shards_{kShards};
  const TimeZone zone_ = *TimeZone::Load("Asia/Shanghai");
  OpenSslRandom random_;
  SystemClock clock_;
  Metrics metrics_;
  EventLoop loop_{"api"};
  ServiceRuntime runtime_;
  Keys keys_;
  const PersonDirectory directory_;
  const IdentityCommands commands_;
  LostClaimSettler settler_;
};

// The n-th of a family of valid documents.
v1::Registration RegistrationOf(int n, const std::string& name = "张三") {
  char digits[18];
  std::snprintf(digits, sizeof(digits), "11010519491231%03d", n);
  v1::Registration registration;
  registration.mutable_document()->set_type(v1::DOCUMENT_TYPE_RESIDENT_ID);
  registration.mutable_document()->set_number(std::string(digits) + Mod11_2CheckCharacter(digits));
  registration.set_name(name);
  return registration;
}

v1::Registration WithContactPoint(v1::Registration registration, const std::string& address) {
  v1::ContactPoint& point = *registration.add_contact_points();
  point.set_endpoint("sms-gateway");
  point.set_address(address);
  return registration;
}

class IdentityServiceTest : public testing::Test {
 protected:
  static MasterKeys NewMasterKeys(const std::filesystem::path& directory) {
    OpenSslRandom random;
    const std::filesystem::path file = directory / "master.key";
    EPIGRID_CHECK(GenerateMasterKeyFile(file, random).ok(), "cannot make a key file");
    return *MasterKeys::Load(file);
  }
  std::unique_ptr<Instance> NewInstance(const std::string& name) {
    return std::make_unique<Instance>(name, log_, view_, master_keys_);
  }

  RedisServer log_{{.config = {"--appendonly", "yes", "--appendfsync", "always",
                               "--maxmemory-policy", "noeviction"}}};
  RedisServer view_{{.config = {"--maxmemory-policy", "noeviction", "--rdbcompression", "no"}}};
  // Beside the view's files, not among those of the log, whose bytes are searched.
  MasterKeys master_keys_ = NewMasterKeys(view_.directory());
  std::unique_ptr<Instance> instance_ = NewInstance("one");
};

TEST_F(IdentityServiceTest, APersonIsRegisteredOnceAndRead) {
  const v1::Registration registration = WithContactPoint(RegistrationOf(2), "13800138000");
  const IdentityCommands::Registered first = instance_->RegisterOne(registration);
  ASSERT_TRUE(first.status.ok()) << first.status.ToString();
  EXPECT_TRUE(first.created);
  const Result<v1::Person> person = instance_->Get(first.person_id);
  ASSERT_TRUE(person.ok()) << person.status().ToString();
  EXPECT_EQ(person->name(), "张三");
  EXPECT_EQ(person->birth_date(), "1949-12-31");
  EXPECT_EQ(person->contact_points(0).address(), "13800138000");

  v1::Registration respelt = registration;
  respelt.mutable_document()->set_number(" " + registration.document().number().substr(0, 17) +
                                         "-" + registration.document().number().substr(17));
  respelt.set_name("Zhang San");
  const IdentityCommands::Registered again = instance_->RegisterOne(respelt);
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.person_id, first.person_id);
  EXPECT_EQ(instance_->Get(first.person_id)->name(), "张三");
  EXPECT_EQ(instance_->Get(MakeId(kPersonId, IdBytes{9})).status().reason(), "PERSON_UNKNOWN");
}

TEST_F(IdentityServiceTest, TheSameDocumentsAtOnceThroughTwoInstancesAreOnePersonEach) {
  const auto other = NewInstance("two");
  constexpr int kDocuments = 40;
  std::vector<v1::Registration> registrations;
  for (int n = 0; n < kDocuments; ++n) registrations.push_back(RegistrationOf(n));
  // A second time within the same batch as well.
  for (int n = 0; n < kDocuments; ++n) registrations.push_back(RegistrationOf(n));

  Future<IdentityCommands::RegisteredBatch> one = epigrid::Run(instance_->Register(registrations));
  Future<IdentityCommands::RegisteredBatch> two = epigrid::Run(other->Register(registrations));
  const IdentityCommands::RegisteredBatch by_one = std::move(one).Wait();
  const IdentityCommands::RegisteredBatch by_two = std::move(two).Wait();

  std::set<std::string> people;
  std::vector<int> created(kDocuments);
  for (const IdentityCommands::RegisteredBatch* batch : {&by_one, &by_two}) {
    for (size_t i = 0; i < registrations.size(); ++i) {
      const IdentityCommands::Registered& result = batch->results[i];
      ASSERT_TRUE(result.status.ok()) << result.status.ToString();
      EXPECT_EQ(result.person_id, by_one.results[i % kDocuments].person_id);
      people.insert(result.person_id);
      created[i % kDocuments] += result.created ? 1 : 0;
    }
  }
  EXPECT_EQ(people.size(), static_cast<size_t>(kDocuments));
  EXPECT_EQ(created, std::vector<int>(kDocuments, 1));
}

TEST_F(IdentityServiceTest, TheKeysOfLostClaimsAreErased) {
  const IdentityCommands::Registered winner = instance_->RegisterOne(RegistrationOf(1));
  // Under a request_id the fold decides, so that a person is proposed.
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(instance_->RegisterOne(RegistrationOf(1), "r" + std::to_string(i)).person_id,
              winner.person_id);
  }
  std::vector<std::string> lost;
  WaitUntil([&] { return (lost = instance_->LostClaims()).size() == 20; });
  // Two that settle at once do no harm.
  const auto other = NewInstance("two");
  Future<Result<size_t>> one = epigrid::Run(instance_->settler().Settle());
  Future<Result<size_t>> two = epigrid::Run(other->settler().Settle());
  EXPECT_TRUE(std::move(one).Wait().ok());
  EXPECT_TRUE(std::move(two).Wait().ok());
  WaitUntil([&] { return instance_->LostClaims().empty(); });
  const auto keys_of_lost = Await(instance_->keys().GetKeys(lost));
  for (const PersonKey& key : *keys_of_lost) {
    EXPECT_EQ(key.state, PersonKey::State::kErased);
  }
  EXPECT_TRUE(instance_->Get(winner.person_id).ok());
  // Who asks again is answered as before, without the key.
  const IdentityCommands::Registered again = instance_->RegisterOne(RegistrationOf(1), "r0");
  EXPECT_TRUE(again.status.ok()) << again.status.ToString();
  EXPECT_EQ(again.person_id, winner.person_id);
  EXPECT_FALSE(again.created);
  EXPECT_EQ(instance_->RegisterOne(RegistrationOf(1, "李四"), "r0").status.reason(),
            "REQUEST_ID_REUSED");
}

TEST_F(IdentityServiceTest, ALostClaimThatWaitsIsLeftAlone) {
  for (int i = 0; i < 4; ++i) instance_->RegisterOne(RegistrationOf(1), "r" + std::to_string(i));
  std::vector<std::string> lost;
  WaitUntil([&] { return (lost = instance_->LostClaims()).size() == 3; });
  Shard shard = 0;
  while (instance_->LostClaims(shard).empty()) ++shard;
  instance_->Park(shard, lost[1]);
  EXPECT_EQ(*Await(instance_->settler().Settle()), 2u);
  WaitUntil([&] { return instance_->LostClaims() == std::vector<std::string>{lost[1]}; });
  EXPECT_EQ(*Await(instance_->settler().Settle()), 0u) << "told again each time";
}

TEST_F(IdentityServiceTest, ARequestIsAnsweredAsBeforeAndAnotherBodyIsRefused) {
  const IdentityCommands::Registered first = instance_->RegisterOne(RegistrationOf(1), "import-1");
  EXPECT_TRUE(first.created);
  const IdentityCommands::Registered again = instance_->RegisterOne(RegistrationOf(1), "import-1");
  EXPECT_TRUE(again.created);
  EXPECT_EQ(again.person_id, first.person_id);
  const IdentityCommands::Registered other =
      instance_->RegisterOne(RegistrationOf(1, "李四"), "import-1");
  EXPECT_EQ(other.status.reason(), "REQUEST_ID_REUSED");
  EXPECT_EQ(instance_->Get(first.person_id)->name(), "张三");
  EXPECT_TRUE(instance_->LostClaims().empty());
}

TEST_F(IdentityServiceTest, ABadItemCostsNothingButItself) {
  std::vector<v1::Registration> registrations = {RegistrationOf(1), RegistrationOf(2),
                                                 RegistrationOf(3)};
  registrations[1].mutable_document()->set_number("110105194912310021");
  const IdentityCommands::RegisteredBatch batch = Await(instance_->Register(registrations, "b"));
  EXPECT_TRUE(batch.results[0].created);
  EXPECT_EQ(batch.results[1].status.reason(), "DOCUMENT_CHECK_DIGIT");
  EXPECT_EQ(batch.results[1].status.metadata().at("field"), "registrations[1].document.number");
  EXPECT_TRUE(batch.results[2].created);
}

TEST_F(IdentityServiceTest, ADependantIsReachedAtTheGuardians) {
  const std::string guardian =
      instance_->RegisterOne(WithContactPoint(RegistrationOf(1), "13800138000")).person_id;
  v1::Registration child_registration = RegistrationOf(2, "小明");
  child_registration.set_language("en");
  const std::string child = instance_->RegisterOne(child_registration).person_id;
  const std::string stranger = MakeId(kPersonId, IdBytes{9});

  v1::UpdatePersonRequest request;
  request.set_person_id(child);
  request.set_guardian_person_id(guardian);
  Result<std::vector<ShardPosition>> updated = instance_->Update(request);
  ASSERT_TRUE(updated.ok()) << updated.status().ToString();
  instance_->See(*updated);
  EXPECT_THAT(instance_->Get(guardian)->dependant_person_ids(), ElementsAre(child));

  std::vector<Reachability> reached =
      Await(instance_->directory().Reach({child, stranger, guardian}));
  ASSERT_EQ(reached.size(), 3u);
  ASSERT_TRUE(reached[0].status.ok()) << reached[0].status.ToString();
  EXPECT_EQ(reached[0].contact_points.at(0).address(), "13800138000");
  EXPECT_EQ(reached[0].language, "zh");  // of who is reached there
  EXPECT_TRUE(reached[0].guardian_answers);
  EXPECT_EQ(reached[1].status.reason(), "PERSON_UNKNOWN");
  EXPECT_EQ(reached[2].contact_points.at(0).address(), "13800138000");
  EXPECT_FALSE(reached[2].guardian_answers);

  request.set_guardian_person_id(stranger);
  EXPECT_EQ(instance_->Update(request).status().reason(), "GUARDIAN_UNKNOWN");
  request.set_person_id(stranger);
  request.set_guardian_person_id(guardian);
  EXPECT_EQ(instance_->Update(request).status().reason(), "PERSON_UNKNOWN");
  request.set_person_id(guardian);
  request.set_guardian_person_id(child);
  EXPECT_EQ(instance_->Update(request).status().reason(), "GUARDIAN_IS_DEPENDANT");
}

TEST_F(IdentityServiceTest, AHouseholdAndItsMembersKnowOfEachOther) {
  const std::string person = instance_->RegisterOne(RegistrationOf(1)).person_id;
  v1::UpdateHouseholdRequest request;
  request.set_region_code("310101006");
  request.set_request_id("h1");
  const auto made = Await(instance_->commands().UpdateHousehold(instance_->Context(), request));
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ(
      Await(instance_->commands().UpdateHousehold(instance_->Context(), request))->household_id,
      made->household_id);

  v1::Membership membership;
  membership.set_household_id(made->household_id);
  membership.set_person_id(person);
  *membership.mutable_from_time() = ToProto(Time::FromSeconds(1'641'772'800));
  membership.set_region_code("310101007");
  v1::Membership malformed = membership;
  malformed.set_person_id("person_x");
  const auto moved = Await(
      instance_->commands().UpdateMemberships(instance_->Context(), {membership, malformed}, "m1"));
  EXPECT_TRUE(moved.results[0].ok()) << moved.results[0].ToString();
  EXPECT_EQ(moved.results[1].reason(), "ID_MALFORMED");
  instance_->See(moved.revision);
  const Result<v1::Household> household =
      Await(instance_->directory().GetHousehold(made->household_id));
  ASSERT_TRUE(household.ok()) << household.status().ToString();
  EXPECT_EQ(household->region_code(), "310101007") << "as the membership says";
  EXPECT_EQ(household->members(0).person_id(), person);
  EXPECT_EQ(instance_->Get(person)->memberships(0).household_id(), made->household_id);

  // Moves out, and back in; a stay is told again with its end.
  v1::Membership left = membership;
  *left.mutable_until_time() = ToProto(Time::FromSeconds(1'641'859'200));
  v1::Membership back = membership;
  *back.mutable_from_time() = ToProto(Time::FromSeconds(1'642'000'000));
  v1::Membership overlapping = membership;
  *overlapping.mutable_from_time() = ToProto(Time::FromSeconds(1'641'800'000));
  const auto returned = Await(instance_->commands().UpdateMemberships(
      instance_->Context(), {left, back, overlapping}, "m2"));
  EXPECT_TRUE(returned.results[0].ok() && returned.results[1].ok());
  EXPECT_EQ(returned.results[2].reason(), "MEMBERSHIP_OVERLAPS");
  instance_->See(returned.revision);
  const auto memberships = instance_->Get(person)->memberships();
  ASSERT_EQ(memberships.size(), 2);
  EXPECT_TRUE(memberships[0].has_until_time());
  EXPECT_EQ(memberships[1].from_time().seconds(), 1'642'000'000);
  EXPECT_EQ(Await(instance_->directory().GetHousehold(made->household_id))->members_size(), 2);
}

TEST_F(IdentityServiceTest, NothingPersonalIsOnAnyDisk) {
  const v1::Registration registration =
      WithContactPoint(RegistrationOf(2, "欧阳修远"), "13912345678");
  ASSERT_TRUE(instance_->RegisterOne(registration, "r").created);
  EventLoop loop("saver");
  RedisClient saver(loop, {.address = view_.address()});
  ASSERT_EQ(saver.Call({"SAVE"}).Wait()->text, "OK");
  for (const RedisServer* server : {&log_, &view_}) {
    std::stringstream bytes;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(server->directory())) {
      if (!entry.is_regular_file()) continue;
      bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    }
    EXPECT_GT(bytes.str().size(), 1000u);
    for (const std::string& secret :
         {registration.document().number(), registration.name(), std::string("13912345678")}) {
      EXPECT_EQ(bytes.str().find(secret), std::string::npos) << secret;
    }
  }
}

TEST_F(IdentityServiceTest, AnErasedPersonCannotBeReadAnyMoreNorAfterARebuild) {
  const std::string erased = instance_->RegisterOne(RegistrationOf(1)).person_id;
  const std::string kept = instance_->RegisterOne(RegistrationOf(2)).person_id;
  ASSERT_TRUE(Await(instance_->keys().Tombstone({erased})).ok());
  EXPECT_EQ(instance_->Get(erased).status().reason(), "PERSON_ERASED");

  instance_.reset();
  view_.Kill();
  view_.Restart();
  instance_ = NewInstance("three");
  WaitUntil([&] { return instance_->Get(kept).ok(); });
  EXPECT_EQ(instance_->Get(kept)->name(), "张三");
  WaitUntil([&] { return instance_->Get(erased).status().reason() == "PERSON_ERASED"; });
}

}  // namespace
}  // namespace epigrid::identity
