#include "services/identity/domain/identity_fold.h"

#include <gtest/gtest.h>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "common/crypto/testing/memory_key_store.h"
#include "services/identity/domain/sealed_content.h"
#include "services/identity/view/keys.h"
#include "tests/fakes/fold_driver.h"

namespace epigrid::identity {
namespace {

using events::v1::PersonChanged;
using state::v1::RegistrationContent;
using state::v1::RegistrationOutcome;
using state::v1::StoredHousehold;
using state::v1::StoredPerson;
using state::v1::UpdateContent;

constexpr Time kMonday = Time::FromSeconds(1'641'772'800);
constexpr Time kTuesday = Time::FromSeconds(1'641'859'200);
// Stands for a document's keyed hash and for the entity of its shard.
const std::string kHash(32, 'h');
const std::string kDocument = "documents";

// testing::Test has a Run of its own.
template <typename T>
T Await(Task<T> task) {
  return Run(std::move(task)).Wait();
}

class IdentityFoldTest : public testing::Test {
 protected:
  SecretKey KeyOf(const std::string& id) { return Await(keys_->CreateKeys({id}))->at(0).key; }
  static RegistrationContent Content(int contact_points) {
    RegistrationContent content;
    content.set_document_hash(kHash);
    content.set_name("张三");
    content.set_language("zh");
    for (int i = 0; i < contact_points; ++i) content.add_contact_points()->set_endpoint("sms");
    return content;
  }
  Event Registration(const std::string& id, const RegistrationContent& content) {
    Event event;
    event.mutable_registration_requested()->set_proposed_person_id(id);
    event.mutable_registration_requested()->set_sealed_registration(
        SealRegistration(KeyOf(id), id, content, random_));
    event.mutable_registration_requested()->set_sealed_claim(
        SealClaim(claim_key_, id, content.document_hash(), random_));
    return event;
  }
  RegistrationOutcome Register(const std::string& id, const RegistrationContent& content) {
    const Outcome outcome = driver_.Send(kDocument, Registration(id, content));
    EPIGRID_CHECK(outcome.status.ok(), outcome.status.ToString());
    RegistrationOutcome result;
    EPIGRID_CHECK(result.ParseFromString(outcome.result), "no outcome");
    return result;
  }
  // A person of their own, with a document of their own.
  void RegisterOther(const std::string& id, int contact_points) {
    RegistrationContent content = Content(contact_points);
    content.set_document_hash(std::string(32, id.back()));
    Register(id, content);
  }
  Outcome Update(const std::string& id, const UpdateContent& content) {
    Event event;
    event.mutable_person_update_requested()->set_person_id(id);
    event.mutable_person_update_requested()->set_sealed_update(
        SealUpdate(KeyOf(id), id, content, random_));
    return driver_.Send(id, std::move(event));
  }
  Outcome SetGuardian(const std::string& id, const std::string& guardian) {
    UpdateContent content;
    content.set_guardian_person_id(guardian);
    content.set_remove_guardian(guardian.empty());
    return Update(id, content);
  }
  Outcome SetContactPoints(const std::string& id, int contact_points) {
    UpdateContent content;
    content.set_replace_contact_points(true);
    for (int i = 0; i < contact_points; ++i) content.add_contact_points()->set_endpoint("sms");
    return Update(id, content);
  }
  Outcome Move(const std::string& household, const std::string& id, Time from, Time until = {}) {
    Event event;
    auto& requested = *event.mutable_household_update_requested();
    requested.set_household_id(household);
    requested.set_person_id(id);
    if (from.is_set()) *requested.mutable_from_time() = ToProto(from);
    if (until.is_set()) *requested.mutable_until_time() = ToProto(until);
    return driver_.Send(household, std::move(event));
  }
  StoredPerson Stored(const std::string& id) const {
    StoredPerson person;
    EPIGRID_CHECK(person.ParseFromString(driver_.Get(id, keys::Person(id)).value_or("")), "");
    return person;
  }
  // The last that was published of a person; fails the test if nothing was.
  PersonChanged LastPublished(const std::string& id) {
    std::optional<PersonChanged> last;
    for (const Emission& emission : driver_.TakePublished()) {
      if (emission.topic == kPersonTopic && emission.entity == id) {
        last = emission.event.person_changed();
      }
    }
    EXPECT_TRUE(last.has_value()) << id;
    return last.value_or(PersonChanged());
  }

  OpenSslRandom random_;
  const std::shared_ptr<MemoryKeyStore> keys_ = std::make_shared<MemoryKeyStore>(random_);
  const SecretKey claim_key_ = SecretKey::Random(random_);
  IdentityFold fold_{keys_, claim_key_};
  FoldDriver driver_{fold_, 8};
};

TEST_F(IdentityFoldTest, TheFirstRegistrationOfADocumentHasIt) {
  const RegistrationOutcome first = Register("person_a", Content(1));
  EXPECT_TRUE(first.created());
  EXPECT_EQ(first.person_id(), "person_a");
  EXPECT_TRUE(Stored("person_a").registered());
  const PersonChanged published = LastPublished("person_a");
  EXPECT_EQ(published.language(), "zh");
  EXPECT_TRUE(published.reachable());
  EXPECT_EQ(published.version(), Stored("person_a").version());
}

TEST_F(IdentityFoldTest, ALaterRegistrationIsAnsweredWithTheWinnerAndChangesNothing) {
  Register("person_a", Content(1));
  driver_.TakePublished();
  const RegistrationOutcome later = Register("person_b", Content(2));
  EXPECT_FALSE(later.created());
  EXPECT_EQ(later.person_id(), "person_a");
  EXPECT_FALSE(Stored("person_b").registered());
  EXPECT_TRUE(driver_.TakePublished().empty());
  EXPECT_EQ(driver_.Index(kDocument, keys::kLostClaims), std::set<std::string>{"person_b"});
}

TEST_F(IdentityFoldTest, AProposalThatIsSentAgainIsNotALostOne) {
  Register("person_a", Content(1));
  EXPECT_EQ(Register("person_a", Content(1)).person_id(), "person_a");
  EXPECT_TRUE(driver_.Index(kDocument, keys::kLostClaims).empty());
}

TEST_F(IdentityFoldTest, ALostClaimIsSettledOnce) {
  Register("person_a", Content(1));
  Register("person_b", Content(1));
  Register("person_c", Content(1));
  Event event;
  event.mutable_lost_claims_settled()->add_proposed_person_ids("person_b");
  driver_.Send(kDocument, event);
  driver_.Send(kDocument, event);
  EXPECT_EQ(driver_.Index(kDocument, keys::kLostClaims), std::set<std::string>{"person_c"});
}

TEST_F(IdentityFoldTest, NothingPersonalStandsInACellOrIsPublished) {
  RegistrationContent content = Content(0);
  content.add_contact_points()->set_address("13800138000");
  content.mutable_document()->set_number("11010519491231002X");
  Register("person_a", content);
  const std::string cell = *driver_.Get("person_a", keys::Person("person_a"));
  for (const char* secret : {"张三", "13800138000", "11010519491231002X"}) {
    EXPECT_EQ(cell.find(secret), std::string::npos);
    for (const Emission& emission : driver_.TakePublished()) {
      EXPECT_EQ(emission.event.SerializeAsString().find(secret), std::string::npos);
    }
  }
}

TEST_F(IdentityFoldTest, AnErasedPersonIsKnownByTheIdOnly) {
  const Event event = Registration("person_a", Content(1));
  ASSERT_TRUE(Await(keys_->Tombstone({"person_a"})).ok());
  EXPECT_TRUE(driver_.Send(kDocument, event).status.ok());
  EXPECT_TRUE(Stored("person_a").registered());
  EXPECT_FALSE(LastPublished("person_a").reachable());
  EXPECT_EQ(driver_.TakeIgnored(), std::vector<std::string>{"PERSON_ERASED"});
}

TEST_F(IdentityFoldTest, ALostClaimIsDecidedAlikeWhenItsKeyIsErased) {
  const Event winner = Registration("person_a", Content(1));
  const Event loser = Registration("person_b", Content(1));
  ASSERT_TRUE(Await(keys_->Tombstone({"person_b"})).ok());
  driver_.Send(kDocument, winner);
  RegistrationOutcome outcome;
  ASSERT_TRUE(outcome.ParseFromString(driver_.Send(kDocument, loser).result));
  EXPECT_EQ(outcome.person_id(), "person_a");
  EXPECT_EQ(driver_.Index(kDocument, keys::kLostClaims), std::set<std::string>{"person_b"});
}

TEST_F(IdentityFoldTest, AnUpdateOfAnErasedPersonIsRefused) {
  UpdateContent content;
  content.set_language("en");
  Event event;
  event.mutable_person_update_requested()->set_person_id("person_a");
  event.mutable_person_update_requested()->set_sealed_update(
      SealUpdate(KeyOf("person_a"), "person_a", content, random_));
  ASSERT_TRUE(Await(keys_->Tombstone({"person_a"})).ok());
  EXPECT_EQ(driver_.Send("person_a", event).status.reason(), "PERSON_ERASED");
}

TEST_F(IdentityFoldTest, ABoxOfAnotherPersonIsRefused) {
  Event event = Registration("person_a", Content(1));
  KeyOf("person_b");
  event.mutable_registration_requested()->set_proposed_person_id("person_b");
  const Outcome outcome = driver_.Send(kDocument, event);
  EXPECT_EQ(outcome.status.code(), Code::kDataLoss);
  EXPECT_EQ(driver_.TakeIgnored(), std::vector<std::string>{"SEALED_BOX_TAMPERED"});
}

TEST_F(IdentityFoldTest, PreparationFailsAsAWholeWhileTheKeysAreAway) {
  Event requested = Registration("person_a", Content(1));
  Event registered;
  registered.mutable_person_registered()->set_person_id("person_a");
  const std::string before = requested.SerializeAsString() + registered.SerializeAsString();
  keys_->available = false;
  EXPECT_EQ(Await(fold_.Prepare({&requested, &registered})).reason(), "KEY_STORE_UNAVAILABLE");
  EXPECT_EQ(requested.SerializeAsString() + registered.SerializeAsString(), before);
}

TEST_F(IdentityFoldTest, AnUpdateThatOvertakesItsRegistrationIsTheNewerOne) {
  UpdateContent content;
  content.set_language("en");
  content.set_replace_contact_points(true);
  ASSERT_TRUE(Update("person_a", content).status.ok());
  EXPECT_TRUE(driver_.TakePublished().empty());
  Register("person_a", Content(1));
  const PersonChanged published = LastPublished("person_a");
  EXPECT_EQ(published.language(), "en");
  EXPECT_FALSE(published.reachable());
}

TEST_F(IdentityFoldTest, AnUpdateThatChangesNothingForOthersIsNotPublished) {
  Register("person_a", Content(1));
  driver_.TakePublished();
  ASSERT_TRUE(SetContactPoints("person_a", 2).status.ok());
  EXPECT_TRUE(driver_.TakePublished().empty());
  ASSERT_TRUE(SetContactPoints("person_a", 0).status.ok());
  EXPECT_FALSE(LastPublished("person_a").reachable());
}

TEST_F(IdentityFoldTest, ADependantIsReachableWhileTheGuardianIs) {
  RegisterOther("person_a", 1);
  RegisterOther("person_c", 0);
  EXPECT_FALSE(LastPublished("person_c").reachable());
  ASSERT_TRUE(SetGuardian("person_c", "person_a").status.ok());
  EXPECT_TRUE(LastPublished("person_c").reachable());
  EXPECT_TRUE(driver_.Members("person_a", keys::Dependants("person_a")).contains("person_c"));
  ASSERT_TRUE(SetContactPoints("person_a", 0).status.ok());
  EXPECT_FALSE(LastPublished("person_c").reachable());
  ASSERT_TRUE(SetContactPoints("person_a", 1).status.ok());
  EXPECT_TRUE(LastPublished("person_c").reachable());
  ASSERT_TRUE(SetGuardian("person_c", "").status.ok());
  EXPECT_FALSE(LastPublished("person_c").reachable());
  EXPECT_TRUE(driver_.Members("person_a", keys::Dependants("person_a")).empty());
}

TEST_F(IdentityFoldTest, ANewGuardianReplacesTheOld) {
  RegisterOther("person_a", 1);
  RegisterOther("person_b", 0);
  RegisterOther("person_c", 0);
  SetGuardian("person_c", "person_a");
  SetGuardian("person_c", "person_b");
  const PersonChanged published = LastPublished("person_c");
  EXPECT_EQ(published.guardian_person_id(), "person_b");
  EXPECT_FALSE(published.reachable());
  EXPECT_TRUE(driver_.Members("person_a", keys::Dependants("person_a")).empty());
}

TEST_F(IdentityFoldTest, AGuardianWhoIsRegisteredLaterIsHeardOf) {
  RegisterOther("person_c", 0);
  ASSERT_TRUE(SetGuardian("person_c", "person_a").status.ok());
  EXPECT_FALSE(LastPublished("person_c").reachable());
  RegisterOther("person_a", 1);
  EXPECT_TRUE(LastPublished("person_c").reachable());
}

TEST_F(IdentityFoldTest, ADependantCannotBeTheGuardian) {
  RegisterOther("person_a", 1);
  RegisterOther("person_c", 1);
  SetGuardian("person_c", "person_a");
  EXPECT_EQ(SetGuardian("person_a", "person_c").status.reason(), "GUARDIAN_IS_DEPENDANT");
  EXPECT_TRUE(Stored("person_a").guardian_person_id().empty());
}

TEST_F(IdentityFoldTest, AGuardianHasABoundedNumberOfDependants) {
  RegisterOther("person_a", 1);
  for (size_t i = 0; i <= kDependantsMax; ++i)
    SetGuardian("child_" + std::to_string(i), "person_a");
  EXPECT_EQ(driver_.Members("person_a", keys::Dependants("person_a")).size(), kDependantsMax);
  EXPECT_EQ(driver_.TakeIgnored(), std::vector<std::string>{"DEPENDANTS_TOO_MANY"});
}

TEST_F(IdentityFoldTest, AMembershipStandsInBothShardsAndIsPublished) {
  ASSERT_TRUE(Move("household_x", "person_a", kMonday).status.ok());
  EXPECT_EQ(driver_.Members("household_x", keys::Members("household_x")).count("person_a"), 1u);
  std::vector<Emission> published = driver_.TakePublished();
  ASSERT_EQ(published.size(), 1u);
  EXPECT_EQ(published[0].topic, kMembershipTopic);
  ASSERT_EQ(published[0].event.membership_changed().intervals_size(), 1);
  EXPECT_EQ(FromProto(published[0].event.membership_changed().intervals(0).from_time()), kMonday);
  EXPECT_FALSE(published[0].event.membership_changed().intervals(0).has_until_time());

  Move("household_x", "person_a", kMonday);
  EXPECT_TRUE(driver_.TakePublished().empty());

  Move("household_x", "person_a", kMonday, kTuesday);
  published = driver_.TakePublished();
  ASSERT_EQ(published.size(), 1u);
  EXPECT_EQ(FromProto(published[0].event.membership_changed().intervals(0).until_time()), kTuesday);

  Move("household_x", "person_a", Time());
  published = driver_.TakePublished();
  ASSERT_EQ(published.size(), 1u);
  EXPECT_TRUE(published[0].event.membership_changed().intervals().empty());
  EXPECT_TRUE(driver_.Members("person_a", keys::Memberships("person_a")).empty());
  EXPECT_TRUE(driver_.Members("household_x", keys::Members("household_x")).empty());

  Move("household_x", "person_a", Time());
  EXPECT_TRUE(driver_.TakePublished().empty());
}

TEST_F(IdentityFoldTest, WhoMovesBackInHasBothStays) {
  const Time friday = kMonday + std::chrono::hours(96);
  Move("household_x", "person_a", kMonday, kTuesday);
  ASSERT_TRUE(Move("household_x", "person_a", friday).status.ok());
  // Told in the other order, and touching the first one.
  Move("household_x", "person_b", kTuesday);
  ASSERT_TRUE(Move("household_x", "person_b", kMonday, kTuesday).status.ok());
  const std::vector<Emission> published = driver_.TakePublished();
  ASSERT_EQ(published.size(), 4u);
  const auto& of_a = published[1].event.membership_changed().intervals();
  ASSERT_EQ(of_a.size(), 2);
  EXPECT_EQ(FromProto(of_a[0].from_time()), kMonday);
  EXPECT_EQ(FromProto(of_a[0].until_time()), kTuesday);
  EXPECT_EQ(FromProto(of_a[1].from_time()), friday);
  EXPECT_FALSE(of_a[1].has_until_time());
  const auto& of_b = published[3].event.membership_changed().intervals();
  ASSERT_EQ(of_b.size(), 2);
  EXPECT_EQ(FromProto(of_b[0].from_time()), kMonday);
  EXPECT_EQ(FromProto(of_b[1].from_time()), kTuesday);

  Move("household_x", "person_a", Time());
  EXPECT_TRUE(driver_.Members("person_a", keys::Memberships("person_a")).empty());
}

TEST_F(IdentityFoldTest, AStayThatOverlapsAnotherIsRefused) {
  const Duration day = std::chrono::hours(24);
  Move("household_x", "person_a", kMonday, kMonday + 4 * day);
  driver_.TakePublished();
  for (const auto& [from, until] :
       std::vector<std::pair<Time, Time>>{{kMonday + day, Time()},
                                          {kMonday + day, kMonday + 2 * day},
                                          {kMonday - day, Time()},
                                          {kMonday - day, kMonday + day}}) {
    EXPECT_EQ(Move("household_x", "person_a", from, until).status.reason(), "MEMBERSHIP_OVERLAPS");
  }
  EXPECT_TRUE(driver_.TakePublished().empty());
  ASSERT_TRUE(Move("household_x", "person_a", kMonday + 5 * day).status.ok());
  EXPECT_EQ(Move("household_x", "person_a", kMonday).status.reason(), "MEMBERSHIP_OVERLAPS")
      << "the first stay would go on into the second";
  // Elsewhere, and of others, there may be what there may.
  EXPECT_TRUE(Move("household_y", "person_a", kMonday + day).status.ok());
  EXPECT_TRUE(Move("household_x", "person_b", kMonday + day).status.ok());
}

TEST_F(IdentityFoldTest, AMembershipHasABoundedNumberOfStays) {
  const auto move = [&](int number, Duration length) {
    const Time from = kMonday + number * std::chrono::hours(48);
    return Move("household_x", "person_a", from, from + length).status;
  };
  for (int i = 0; i < kStaysPerMembershipMax; ++i) {
    ASSERT_TRUE(move(i, std::chrono::hours(24)).ok());
  }
  EXPECT_EQ(move(kStaysPerMembershipMax, std::chrono::hours(24)).reason(), "MEMBERSHIPS_TOO_MANY");
  EXPECT_TRUE(move(7, std::chrono::hours(12)).ok());
}

TEST_F(IdentityFoldTest, AHouseholdKeepsItsRegionUntilAnotherIsGiven) {
  Event event;
  event.mutable_household_update_requested()->set_household_id("household_x");
  event.mutable_household_update_requested()->set_region_code("310101");
  driver_.Send("household_x", event);
  Move("household_x", "person_a", kMonday);
  StoredHousehold household;
  ASSERT_TRUE(
      household.ParseFromString(*driver_.Get("household_x", keys::Household("household_x"))));
  EXPECT_EQ(household.region_code(), "310101");
  EXPECT_EQ(household.version(), 2u);
}

TEST_F(IdentityFoldTest, CountsWhatIsNotOfItsOwn) {
  Event event;
  event.mutable_code_changed()->set_person_id("person_a");
  driver_.Send("person_a", event);
  EXPECT_EQ(driver_.TakeIgnored(), std::vector<std::string>{"EVENT_NOT_OF_THIS_SERVICE"});
}

TEST_F(IdentityFoldTest, MoreLostClaimsThanAnEventMaySettleAreNotSettled) {
  Event event;
  for (int i = 0; i <= kLostClaimsPerEventMax; ++i) {
    event.mutable_lost_claims_settled()->add_proposed_person_ids("person_" + std::to_string(i));
  }
  driver_.Send(kDocument, event);
  EXPECT_EQ(driver_.TakeIgnored(), std::vector<std::string>{"EVENT_MALFORMED"});
}

TEST_F(IdentityFoldTest, AHouseholdThatIsFullRefusesOneMoreAndNobodyElse) {
  driver_.recorded_at = kTuesday + std::chrono::hours(12);
  for (size_t i = 0; i < kHouseholdMembersMax; ++i) {
    ASSERT_TRUE(Move("household_x", "person_" + std::to_string(i), kMonday).status.ok());
  }
  driver_.TakePublished();
  EXPECT_EQ(Move("household_x", "person_z", kMonday).status.reason(), "HOUSEHOLD_FULL");
  EXPECT_TRUE(driver_.TakePublished().empty());
  EXPECT_TRUE(Move("household_x", "person_7", kMonday, kTuesday).status.ok());
  EXPECT_TRUE(Move("household_x", "person_z", kMonday).status.ok()) << "7 has left";
  EXPECT_EQ(Move("household_x", "person_y", kMonday).status.reason(), "HOUSEHOLD_FULL");
  EXPECT_EQ(Move("household_x", "person_7", kTuesday).status.reason(), "HOUSEHOLD_FULL");
  EXPECT_TRUE(Move("household_x", "person_x", kMonday, kTuesday).status.ok()) << "was there once";
  EXPECT_TRUE(Move("household_x", "person_8", Time()).status.ok());
  EXPECT_TRUE(Move("household_x", "person_7", kTuesday).status.ok());
}

TEST_F(IdentityFoldTest, AHouseholdLetsGoOfWhoLeftFirst) {
  driver_.recorded_at = kTuesday;
  const auto left = [](size_t i) { return kMonday + std::chrono::minutes(i); };
  const auto person = [](size_t i) { return "person_" + std::to_string(i); };
  const std::string members = keys::Members("household_x");
  for (size_t i = 1; i <= kHouseholdMembersKept; ++i) {
    ASSERT_TRUE(Move("household_x", person(i), kMonday, left(i)).status.ok());
  }
  EXPECT_TRUE(Move("household_x", person(0), kMonday).status.ok());
  EXPECT_EQ(driver_.Members("household_x", members).size(), kHouseholdMembersKept);
  EXPECT_EQ(driver_.Members("household_x", members).count(person(1)), 0U);
  EXPECT_EQ(driver_.Members("household_x", members).count(person(2)), 1U);
  EXPECT_EQ(driver_.Members(person(1), keys::Memberships(person(1))).size(), 1U);

  // Who was let go of can still be taken back.
  driver_.TakePublished();
  EXPECT_TRUE(Move("household_x", person(1), Time()).status.ok());
  const std::vector<Emission> published = driver_.TakePublished();
  ASSERT_EQ(published.size(), 1U);
  EXPECT_TRUE(published[0].event.membership_changed().intervals().empty());
  EXPECT_TRUE(driver_.Members(person(1), keys::Memberships(person(1))).empty());
}

}  // namespace
}  // namespace epigrid::identity
