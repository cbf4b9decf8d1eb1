#include "services/identity/api/checks.h"

#include <gtest/gtest.h>

#include "common/base/proto_time.h"

namespace epigrid::identity {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::sys_days kToday = 2022y / 1 / 10;
constexpr Time kNow = Time::FromSeconds(1'641'772'800);

std::string PersonIdOf(uint8_t n) { return MakeId(kPersonId, IdBytes{n}); }

class ChecksTest : public testing::Test {
 protected:
  ChecksTest() {
    registration_.mutable_document()->set_type(v1::DOCUMENT_TYPE_RESIDENT_ID);
    registration_.mutable_document()->set_number("110105 19491231002x");
    registration_.set_name("张三");
    membership_.set_household_id(MakeId(kHouseholdId, IdBytes{1}));
    membership_.set_person_id(PersonIdOf(1));
    *membership_.mutable_from_time() = ToProto(kNow - 24h);
    update_.set_person_id(PersonIdOf(1));
  }

  Result<state::v1::RegistrationContent> Check() const {
    return CheckRegistration(registration_, hashes_, kToday, "registration.");
  }
  std::string Refusal() const {
    const Result<state::v1::RegistrationContent> content = Check();
    if (content.ok()) return "";
    return content.status().reason() + " " + content.status().metadata().at("field");
  }
  std::string MembershipRefusal() const {
    const Status status = CheckMembership(membership_, kNow, "memberships[3].");
    return status.ok() ? "" : status.reason() + " " + status.metadata().at("field");
  }
  std::string UpdateRefusal() const {
    const Result<state::v1::UpdateContent> content = CheckUpdate(update_);
    return content.ok() ? "" : content.status().reason();
  }

  static MasterKeys NewKeys() {
    // A root and a key whose ids fit: computed once by the generator.
    return *MasterKeys::Parse(
        "root b69770b0 0000000000000000000000000000000000000000000000000000000000000001\n"
        "key 32962dcc 0000000000000000000000000000000000000000000000000000000000000002\n");
  }

  IdentityHashes hashes_{NewKeys()};
  v1::Registration registration_;
  v1::Membership membership_;
  v1::UpdatePersonRequest update_;
};

TEST_F(ChecksTest, ARegistrationIsSealedInItsCanonicalForm) {
  const Result<state::v1::RegistrationContent> content = Check();
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  EXPECT_EQ(content->document().number(), "11010519491231002X");
  EXPECT_EQ(content->birth_date(), "1949-12-31");
  EXPECT_EQ(content->language(), "zh");
  EXPECT_EQ(content->document_hash(), hashes_.OfDocument("RESIDENT_ID:CHN:11010519491231002X"));
}

TEST_F(ChecksTest, APassportMayComeAsItsMachineReadableLine) {
  v1::Document& document = *registration_.mutable_document();
  document.set_type(v1::DOCUMENT_TYPE_PASSPORT);
  document.set_issuer("UTO");
  document.set_number("L898902C36UTO7408122F1204159ZE184226B<<<<<10");
  ASSERT_TRUE(Check().ok()) << Check().status().ToString();
  EXPECT_EQ(Check()->document().number(), "L898902C3");
  EXPECT_EQ(Check()->birth_date(), "1974-08-12");
  // What is wrong is told of the field that was sent.
  document.set_number("L898902C36UTO7408122F1204159ZE184226B<<<<<11");
  EXPECT_TRUE(Refusal().ends_with(" registration.document.number")) << Refusal();
  document.set_number("L898902C36UTO7408122F1204159ZE184226B<<<<<10");
  document.set_issuer("U1");
  EXPECT_TRUE(Refusal().ends_with(" registration.document.issuer")) << Refusal();
}

TEST_F(ChecksTest, ARegistrationIsRefusedByReasonAndField) {
  registration_.mutable_document()->set_number("110105194912310021");
  EXPECT_EQ(Refusal(), "DOCUMENT_CHECK_DIGIT registration.document.number");
  registration_.mutable_document()->set_number("11010519491231002X");
  for (const char* none : {"", "  "}) {
    registration_.set_name(none);
    EXPECT_EQ(Refusal(), "NAME_MISSING registration.name");
  }
  std::string name;
  for (int i = 0; i < 128; ++i) name += "张";
  registration_.set_name(name);
  EXPECT_EQ(Refusal(), "");
  registration_.set_name(name + "三");
  EXPECT_EQ(Refusal(), "TEXT_TOO_LONG registration.name");
  registration_.set_name("a\nb");
  EXPECT_EQ(Refusal(), "TEXT_MALFORMED registration.name");
  registration_.set_name("张三");
  registration_.set_language("fr");
  EXPECT_EQ(Refusal(), "LANGUAGE_UNKNOWN registration.language");
}

TEST_F(ChecksTest, ContactPointsAreBoundedAndNamed) {
  v1::ContactPoint& point = *registration_.add_contact_points();
  EXPECT_EQ(Refusal(), "CONTACT_ENDPOINT_MALFORMED registration.contact_points[0].endpoint");
  for (const std::string& name :
       {std::string("sms_gateway"), std::string("SMS"), std::string(64, 'a')}) {
    point.set_endpoint(name);  // no endpoint can be called so
    EXPECT_EQ(Refusal(), "CONTACT_ENDPOINT_MALFORMED registration.contact_points[0].endpoint");
  }
  point.set_endpoint("sms-gateway");
  EXPECT_EQ(Refusal(), "CONTACT_ADDRESS_MISSING registration.contact_points[0].address");
  point.set_address(std::string(257, '1'));
  EXPECT_EQ(Refusal(), "TEXT_TOO_LONG registration.contact_points[0].address");
  point.set_address("13800138000");
  EXPECT_EQ(Refusal(), "");
  for (int i = 0; i < 5; ++i) *registration_.add_contact_points() = point;
  EXPECT_EQ(Refusal(), "CONTACT_POINTS_TOO_MANY registration.contact_points");
}

TEST_F(ChecksTest, AMembershipHasAnIntervalThatHasBegun) {
  EXPECT_EQ(MembershipRefusal(), "");
  *membership_.mutable_until_time() = ToProto(kNow + 24h);
  EXPECT_EQ(MembershipRefusal(), "");
  *membership_.mutable_until_time() = ToProto(Time::FromSeconds(253'402'214'400));  // 9999-12-31
  EXPECT_EQ(MembershipRefusal(), "TIME_TOO_LATE memberships[3].until_time");
  *membership_.mutable_until_time() = membership_.from_time();
  EXPECT_EQ(MembershipRefusal(), "MEMBERSHIP_INTERVAL_INVALID memberships[3].until_time");
  membership_.clear_from_time();
  EXPECT_EQ(MembershipRefusal(), "MEMBERSHIP_INTERVAL_INVALID memberships[3].until_time");
  membership_.clear_until_time();
  EXPECT_EQ(MembershipRefusal(), "");
  *membership_.mutable_from_time() = ToProto(kNow + 1h);
  EXPECT_EQ(MembershipRefusal(), "TIME_IN_FUTURE memberships[3].from_time");
  membership_.set_region_code("4401x");
  EXPECT_EQ(MembershipRefusal(), "REGION_CODE_MALFORMED memberships[3].region_code");
  membership_.set_person_id("person_x");
  EXPECT_EQ(MembershipRefusal(), "ID_MALFORMED memberships[3].person_id");
}

TEST_F(ChecksTest, AnUpdateChangesSomethingAndDoesNotContradictItself) {
  EXPECT_EQ(UpdateRefusal(), "UPDATE_EMPTY");
  update_.add_contact_points()->set_endpoint("sms");
  update_.mutable_contact_points(0)->set_address("1");
  EXPECT_EQ(UpdateRefusal(), "UPDATE_EMPTY");
  update_.set_replace_contact_points(true);
  EXPECT_EQ(UpdateRefusal(), "");
  update_.set_guardian_person_id(update_.person_id());
  EXPECT_EQ(UpdateRefusal(), "GUARDIAN_IS_SELF");
  update_.set_guardian_person_id(PersonIdOf(2));
  EXPECT_EQ(UpdateRefusal(), "");
  update_.set_remove_guardian(true);
  EXPECT_EQ(UpdateRefusal(), "GUARDIAN_CONTRADICTORY");
}

TEST_F(ChecksTest, ProposedIdsFollowFromTheRequestAlone) {
  const std::string id = hashes_.ProposedPersonId("a", "r", 0, "h");
  EXPECT_TRUE(CheckId(kPersonId, id, "").ok());
  EXPECT_EQ(id, hashes_.ProposedPersonId("a", "r", 0, "h"));
  EXPECT_NE(id, hashes_.ProposedPersonId("b", "r", 0, "h"));
  EXPECT_NE(id, hashes_.ProposedPersonId("a", "s", 0, "h"));
  EXPECT_NE(id, hashes_.ProposedPersonId("a", "r", 1, "h"));
  EXPECT_NE(id, hashes_.ProposedPersonId("a", "r", 0, "i"));
}

TEST_F(ChecksTest, EveryShardHasAnEntityThatStandsForIt) {
  const DocumentShards shards(64);
  for (Shard shard = 0; shard < 64; ++shard) {
    EXPECT_EQ(ShardOf(shards.EntityOf(shard), 64), shard);
  }
  EXPECT_EQ(ShardOf(shards.EntityFor("hash"), 64), ShardOf("hash", 64));
}

}  // namespace
}  // namespace epigrid::identity
