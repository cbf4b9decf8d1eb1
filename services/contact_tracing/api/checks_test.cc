#include "services/contact_tracing/api/checks.h"

#include <gtest/gtest.h>

#include <limits>

#include "common/base/ids.h"
#include "common/base/proto_time.h"

namespace epigrid::contact_tracing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class ChecksTest : public testing::Test {
 protected:
  v1::PresenceObservation CheckIn(Time start, std::optional<Time> end = std::nullopt) const {
    v1::PresenceObservation told;
    told.set_source("venue-scan");
    told.set_source_id("1");
    told.set_person_id(DeriveId(kPersonId, {"anna"}));
    told.mutable_check_in()->set_setting_id(DeriveId(kSettingId, {"cafe"}));
    *told.mutable_check_in()->mutable_start_time() = ToProto(start);
    if (end) *told.mutable_check_in()->mutable_end_time() = ToProto(*end);
    return told;
  }
  v1::PresenceObservation CheckOut(Time end, uint32_t revision = 2) const {
    v1::PresenceObservation told = CheckIn(end);
    told.set_revision(revision);
    told.clear_check_in();
    *told.mutable_check_out()->mutable_end_time() = ToProto(end);
    return told;
  }
  std::string Reason(v1::PresenceObservation told) const {
    return CheckObservation(policy_, now_, told).reason();
  }

  const TracingPolicy policy_ = TracingPolicy::From(state::v1::TracingConfiguration()).value();
  const Time now_ = Time::FromSeconds(1'642'000'000);
};

TEST_F(ChecksTest, TakesWhatIsRight) {
  v1::PresenceObservation told = CheckIn(now_ - hours(2), now_ - hours(1));
  EXPECT_TRUE(CheckObservation(policy_, now_, told).ok());
  EXPECT_EQ(told.revision(), 1u);
  EXPECT_EQ(Reason(CheckIn(now_ + minutes(4))), "");
  EXPECT_EQ(Reason(CheckIn(now_ - hours(14 * 24))), "");
  EXPECT_EQ(Reason(CheckOut(now_)), "");
  told.mutable_check_in()->set_setting_id(DeriveId(kHouseholdId, {"home"}));
  EXPECT_EQ(Reason(told), "");
}

TEST_F(ChecksTest, SaysWhatIsWrongWithAPresence) {
  EXPECT_EQ(Reason(CheckIn(now_ + minutes(6))), "TIME_IN_FUTURE");
  EXPECT_EQ(Reason(CheckIn(now_ - hours(15 * 24 + 12))), "TIME_BEYOND_RETENTION");
  EXPECT_EQ(Reason(CheckIn(now_ - hours(2), now_ - hours(2))), "END_BEFORE_START");
  EXPECT_EQ(Reason(CheckIn(now_ - hours(30), now_ - hours(5))), "STAY_TOO_LONG");
  EXPECT_EQ(Reason(CheckOut(now_, 1)), "REVISION_TOO_LOW");
  v1::PresenceObservation told = CheckIn(now_);
  told.clear_check_in();
  EXPECT_EQ(Reason(told), "PRESENCE_MISSING");
  told = CheckIn(now_);
  told.set_person_id("person_1");
  EXPECT_EQ(Reason(told), "ID_MALFORMED");
  told = CheckIn(now_);
  told.mutable_check_in()->set_setting_id(DeriveId(kPersonId, {"cafe"}));
  EXPECT_EQ(Reason(told), "ID_MALFORMED");
  told = CheckIn(now_);
  told.set_source("Venue");
  EXPECT_EQ(Reason(told), "SOURCE_MALFORMED");
  told = CheckIn(now_);
  told.mutable_check_in()->clear_start_time();
  EXPECT_EQ(Reason(told), "TIME_MISSING");
  told = CheckIn(now_);
  told.mutable_check_in()->set_position(std::string(33, 'x'));
  EXPECT_EQ(Reason(told), "TEXT_TOO_LONG");
}

TEST_F(ChecksTest, ACheckOutIsHeldAgainstTheCheckInOfTheSameBatch) {
  google::protobuf::RepeatedPtrField<v1::PresenceObservation> told;
  *told.Add() = CheckOut(now_ - hours(1));
  *told.Add() = CheckIn(now_ - hours(2));
  told[1].set_revision(1);
  *told.Add() = CheckOut(now_ - hours(2), 3);
  *told.Add() = CheckOut(now_ - hours(5), 4);
  told[3].set_source_id("another");
  std::vector<Status> statuses(4);
  CheckTogether(told, statuses);
  EXPECT_TRUE(statuses[0].ok());
  EXPECT_TRUE(statuses[1].ok());
  EXPECT_EQ(statuses[2].reason(), "END_BEFORE_START");
  EXPECT_TRUE(statuses[3].ok());
}

TEST_F(ChecksTest, SaysWhatIsWrongWithASetting) {
  v1::Setting setting;
  EXPECT_EQ(CheckSetting(setting).reason(), "CATEGORY_MISSING");
  setting.set_category(v1::SETTING_CATEGORY_SHOP);
  EXPECT_TRUE(CheckSetting(setting).ok());
  setting.mutable_location()->set_latitude(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(CheckSetting(setting).reason(), "LOCATION_OUT_OF_RANGE");
  setting.mutable_location()->set_latitude(40);
  setting.set_region_code("4401x");
  EXPECT_EQ(CheckSetting(setting).reason(), "REGION_CODE_MALFORMED");
  setting.set_region_code("440106");
  setting.mutable_usual_stay()->set_seconds(599);
  EXPECT_EQ(CheckSetting(setting).reason(), "USUAL_STAY_OUT_OF_RANGE");
  setting.mutable_usual_stay()->set_seconds(600);
  EXPECT_TRUE(CheckSetting(setting).ok());
}

// The category decides the class: a market is not made CLOSE by it, nor a household PLACE.
TEST_F(ChecksTest, AHouseholdIsOneByItsIdAndItsCategory) {
  v1::Setting setting;
  setting.set_category(v1::SETTING_CATEGORY_HOUSEHOLD);
  EXPECT_EQ(CheckSetting(setting).reason(), "CATEGORY_MISMATCH");
  setting.set_setting_id(DeriveId(kSettingId, {"market"}));
  EXPECT_EQ(CheckSetting(setting).reason(), "CATEGORY_MISMATCH");
  setting.set_setting_id(DeriveId(kHouseholdId, {"home"}));
  EXPECT_TRUE(CheckSetting(setting).ok());
  setting.set_category(v1::SETTING_CATEGORY_OTHER);
  EXPECT_EQ(CheckSetting(setting).reason(), "CATEGORY_MISMATCH");
}

TEST_F(ChecksTest, SaysWhatIsWrongWithACase) {
  v1::ReportCaseRequest report;
  report.set_person_id(DeriveId(kPersonId, {"anna"}));
  EXPECT_EQ(CheckReport(policy_, now_, report).reason(), "CASE_TIME_MISSING");
  *report.mutable_sampled_time() = ToProto(now_ + hours(1));
  EXPECT_EQ(CheckReport(policy_, now_, report).reason(), "TIME_IN_FUTURE");
  *report.mutable_sampled_time() = ToProto(now_);
  EXPECT_TRUE(CheckReport(policy_, now_, report).ok());
  EXPECT_EQ(report.state(), v1::CASE_STATE_REPORTED);
  report.mutable_onset_time();  // null in a partner's record
  EXPECT_EQ(CheckReport(policy_, now_, report).reason(), "TIME_TOO_OLD");
  report.clear_onset_time();
  report.mutable_sampled_time()->Clear();
  EXPECT_EQ(CheckReport(policy_, now_, report).reason(), "TIME_TOO_OLD");
  TracingPolicy long_kept = policy_;
  long_kept.retention_days = 600;
  *report.mutable_sampled_time() = ToProto(now_ - hours(600 * 24));
  EXPECT_TRUE(CheckReport(long_kept, now_, report).ok());
  *report.mutable_sampled_time() = ToProto(now_);
  report.set_state(v1::CASE_STATE_EXCLUDED);
  EXPECT_EQ(CheckReport(policy_, now_, report).reason(), "CASE_STATE_INVALID");

  v1::UpdateCaseRequest update;
  update.set_case_id(DeriveId(kCaseId, {"1"}));
  EXPECT_EQ(CheckUpdate(policy_, now_, update).reason(), "ACTION_MISSING");
  update.set_state(v1::CASE_STATE_PROVISIONAL);
  EXPECT_EQ(CheckUpdate(policy_, now_, update).reason(), "CASE_STATE_INVALID");
  update.set_state(v1::CASE_STATE_EXCLUDED);
  EXPECT_TRUE(CheckUpdate(policy_, now_, update).ok());
  *update.mutable_onset_time() = ToProto(now_ - hours(60 * 24));
  EXPECT_TRUE(CheckUpdate(policy_, now_, update).ok());
  *update.mutable_onset_time() = ToProto(now_ - hours(60 * 24) - minutes(1));
  EXPECT_EQ(CheckUpdate(policy_, now_, update).reason(), "TIME_TOO_OLD");
  update.set_without_symptoms(false);
  EXPECT_EQ(CheckUpdate(policy_, now_, update).reason(), "ACTION_MISSING");
}

}  // namespace
}  // namespace epigrid::contact_tracing
