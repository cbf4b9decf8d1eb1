#include "services/health_code/domain/health_code_fold.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/ids.h"
#include "common/base/local_day.h"
#include "common/base/proto_time.h"
#include "common/base/shard.h"
#include "services/health_code/domain/built_in_policy.h"
#include "services/health_code/domain/evidence_limit.h"
#include "services/health_code/domain/exposure_limit.h"
#include "services/health_code/domain/timeline.h"
#include "services/health_code/view/keys.h"
#include "tests/fakes/fold_driver.h"

namespace epigrid::health_code {
namespace {

namespace tracing = contact_tracing::v1;

const std::string kPerson = DeriveId(kPersonId, {"somebody"});
const std::string kCase = DeriveId(kCaseId, {"a case"});

Time At(std::string_view text) {
  Result<Time> time = ParseRfc3339(text);
  EPIGRID_CHECK(time.ok(), "the test's time is well-formed");
  return *time;
}

Event Observed(v1::Evidence evidence) {
  evidence.set_source("lab");
  evidence.set_person_id(kPerson);
  if (evidence.revision() == 0) evidence.set_revision(1);
  Event event;
  *event.mutable_evidence_observed()->mutable_evidence() = std::move(evidence);
  return event;
}

Event Tested(std::string source_id, v1::TestOutcome outcome, std::string_view sampled,
             uint32_t revision = 1) {
  v1::Evidence evidence;
  evidence.set_source_id(source_id);
  evidence.set_revision(revision);
  v1::TestResult& test = *evidence.mutable_test();
  test.set_sampling_id(source_id);
  test.set_outcome(outcome);
  *test.mutable_sampled_time() = ToProto(At(sampled));
  *test.mutable_reported_time() = ToProto(At(sampled) + std::chrono::hours(4));
  return Observed(std::move(evidence));
}

Event Withdrawal(std::string source_id, uint32_t revision) {
  v1::Evidence evidence;
  evidence.set_source_id(std::move(source_id));
  evidence.set_revision(revision);
  evidence.set_withdrawn(true);
  return Observed(std::move(evidence));
}

Event Declared(std::string source_id, std::string_view at) {
  v1::Evidence evidence;
  evidence.set_source_id(std::move(source_id));
  *evidence.mutable_declaration()->mutable_declared_time() = ToProto(At(at));
  return Observed(std::move(evidence));
}

Event Transferred(std::string source_id, std::string_view at) {
  v1::Evidence evidence;
  evidence.set_source_id(std::move(source_id));
  *evidence.mutable_transfer()->mutable_transfer_time() = ToProto(At(at));
  return Observed(std::move(evidence));
}

Event Ordered(std::string source_id, std::string case_id, uint32_t revision = 1) {
  v1::Evidence evidence;
  evidence.set_source_id(std::move(source_id));
  evidence.set_revision(revision);
  v1::IsolationOrder& order = *evidence.mutable_isolation_order();
  *order.mutable_start_time() = ToProto(At("2022-07-01T08:00:00+08:00"));
  order.set_measure(v1::MEASURE_HOME);
  order.mutable_basis()->set_case_id(std::move(case_id));
  return Observed(std::move(evidence));
}

// Without times the exposure is taken back.
Event Exposed(bool close, std::string_view first = "", std::string_view last = "",
              std::string case_id = kCase) {
  Event event;
  events::v1::ExposureChanged& exposure = *event.mutable_exposure_changed();
  exposure.set_person_id(kPerson);
  exposure.set_case_id(std::move(case_id));
  if (first.empty()) return event;
  tracing::SettingExposure& setting = *exposure.add_settings();
  setting.set_exposure_class(close ? tracing::EXPOSURE_CLASS_CLOSE : tracing::EXPOSURE_CLASS_PLACE);
  *setting.mutable_first_time() = ToProto(At(first));
  *setting.mutable_last_time() = ToProto(At(last));
  *exposure.mutable_first_time() = setting.first_time();
  return event;
}

Event Infected(tracing::CaseState state, const std::string& case_id = kCase) {
  Event event;
  events::v1::CaseChanged& changed = *event.mutable_case_changed();
  changed.set_person_id(kPerson);
  changed.set_case_id(case_id);
  changed.set_state(state);
  *changed.mutable_sampled_time() = ToProto(At("2022-07-01T10:00:00+08:00"));
  return event;
}

class HealthCodeFoldTest : public testing::Test {
 protected:
  void SetUp() override { driver_.Tick(At("2022-07-02T00:00:00+08:00")); }

  void Send(Event event) { driver_.Send(kPerson, std::move(event)); }

  state::v1::StoredCode Code() {
    state::v1::StoredCode code;
    const std::optional<std::string> cell = driver_.Get(kPerson, keys::Code(kPerson));
    if (cell.has_value()) EXPECT_TRUE(code.ParseFromString(*cell));
    return code;
  }

  v1::Colour ColourAt(std::string_view time) {
    const state::v1::StoredCode code = Code();
    const v1::TimelineEntry* entry = EntryAt(code.timeline(), At(time));
    return entry == nullptr ? v1::COLOUR_GREEN : entry->colour();
  }

  // What was published on the codes' topic since the last call.
  std::vector<events::v1::CodeChanged> TakeCodes() {
    std::vector<events::v1::CodeChanged> codes;
    for (const Emission& emission : driver_.TakePublished()) {
      if (emission.topic == kCodeTopic) codes.push_back(emission.event.code_changed());
    }
    return codes;
  }

  const HealthCodeFold fold_;
  FoldDriver driver_{fold_, 4};
};

TEST_F(HealthCodeFoldTest, ACaseIsRedAndItsExclusionTakesThatBack) {
  Send(Infected(tracing::CASE_STATE_PROVISIONAL));
  std::vector<events::v1::CodeChanged> codes = TakeCodes();
  ASSERT_EQ(codes.size(), 1u);
  EXPECT_EQ(codes[0].colour(), v1::COLOUR_RED);
  EXPECT_EQ(codes[0].previous_colour(), v1::COLOUR_GREEN);
  EXPECT_EQ(codes[0].reasons(0).rule(), "CASE");

  Send(Infected(tracing::CASE_STATE_CONFIRMED));
  EXPECT_TRUE(TakeCodes().empty()) << "colour and measure are what they were";

  Send(Infected(tracing::CASE_STATE_EXCLUDED));
  codes = TakeCodes();
  ASSERT_EQ(codes.size(), 1u);
  EXPECT_EQ(codes[0].colour(), v1::COLOUR_GREEN);
  EXPECT_TRUE(codes[0].reasons().empty());
}

TEST_F(HealthCodeFoldTest, TimeAloneMovesACloseContactThroughItsPhases) {
  Send(Exposed(true, "2022-07-01T20:00:00+08:00", "2022-07-01T22:00:00+08:00"));
  EXPECT_EQ(TakeCodes().back().colour(), v1::COLOUR_RED);
  driver_.Tick(At("2022-07-08T23:59:59+08:00"));
  EXPECT_TRUE(TakeCodes().empty());
  driver_.Tick(At("2022-07-09T00:00:00+08:00"));
  std::vector<events::v1::CodeChanged> codes = TakeCodes();
  ASSERT_EQ(codes.size(), 1u);
  EXPECT_EQ(codes[0].colour(), v1::COLOUR_YELLOW);
  EXPECT_EQ(codes[0].measure(), v1::MEASURE_HOME);
  driver_.Tick(At("2022-07-20T00:00:00+08:00"));
  EXPECT_TRUE(TakeCodes().empty()) << "without a negative of day 10 it stays yellow";

  Send(Tested("t1", v1::TEST_OUTCOME_NEGATIVE, "2022-07-20T08:00:00+08:00"));
  EXPECT_TRUE(TakeCodes().empty()) << "nothing is cleared before it is reported";
  driver_.Tick(At("2022-07-20T12:00:00+08:00"));
  codes = TakeCodes();
  ASSERT_EQ(codes.size(), 1u);
  EXPECT_EQ(codes[0].colour(), v1::COLOUR_GREEN);
}

TEST_F(HealthCodeFoldTest, AWithdrawnNegativeClearsNothing) {
  Send(Exposed(false, "2022-06-28T20:00:00+08:00", "2022-06-28T21:00:00+08:00"));
  EXPECT_EQ(TakeCodes().back().colour(), v1::COLOUR_YELLOW);
  Send(Tested("t1", v1::TEST_OUTCOME_NEGATIVE, "2022-06-29T08:00:00+08:00"));
  EXPECT_TRUE(TakeCodes().empty());
  Send(Tested("t2", v1::TEST_OUTCOME_NEGATIVE, "2022-06-30T08:00:00+08:00"));
  EXPECT_EQ(TakeCodes().back().colour(), v1::COLOUR_GREEN);
  Send(Withdrawal("t2", 2));
  EXPECT_EQ(TakeCodes().back().colour(), v1::COLOUR_YELLOW);
}

TEST_F(HealthCodeFoldTest, AnExposureThatIsNewIsToldAlsoWithoutAChangeOfColour) {
  Send(Infected(tracing::CASE_STATE_CONFIRMED));
  TakeCodes();
  const std::string other = DeriveId(kCaseId, {"another case"});
  Send(Exposed(false, "2022-07-01T08:00:00+08:00", "2022-07-01T09:00:00+08:00", other));
  std::vector<events::v1::CodeChanged> codes = TakeCodes();
  ASSERT_EQ(codes.size(), 1u);
  EXPECT_EQ(codes[0].newly_exposing_case_id(), other);
  EXPECT_EQ(codes[0].colour(), codes[0].previous_colour());
  Send(Exposed(false, "2022-07-01T08:00:00+08:00", "2022-07-01T10:00:00+08:00", other));
  EXPECT_TRUE(TakeCodes().empty()) << "more minutes are no news";
}

// Somebody sits down beside a case: the shard's last tick is older than their being together.
TEST_F(HealthCodeFoldTest, AnExposureThatBeginsAfterTheLastTickIsToldOnceAndWithItsColour) {
  Send(Exposed(false, "2022-07-02T00:00:04+08:00", "2022-07-02T02:00:04+08:00"));
  EXPECT_TRUE(TakeCodes().empty()) << "what is told must be what the code shows";
  driver_.Tick(At("2022-07-02T00:00:05+08:00"));
  const std::vector<events::v1::CodeChanged> codes = TakeCodes();
  ASSERT_EQ(codes.size(), 1u);
  EXPECT_EQ(codes[0].colour(), v1::COLOUR_YELLOW);
  EXPECT_EQ(codes[0].previous_colour(), v1::COLOUR_GREEN);
  EXPECT_EQ(codes[0].newly_exposing_case_id(), kCase);
  driver_.Tick(At("2022-07-02T00:01:00+08:00"));
  EXPECT_TRUE(TakeCodes().empty());
}

TEST_F(HealthCodeFoldTest, AnExposureThatBeginsAfterTheLastTickIsToldAlsoWhereTheCodeStays) {
  Send(Infected(tracing::CASE_STATE_CONFIRMED));
  TakeCodes();
  const std::string other = DeriveId(kCaseId, {"another case"});
  Send(Exposed(false, "2022-07-02T00:00:04+08:00", "2022-07-02T02:00:04+08:00", other));
  Send(Exposed(false, "2022-07-02T00:00:06+08:00", "2022-07-02T02:00:04+08:00", other));
  EXPECT_TRUE(TakeCodes().empty());
  driver_.Tick(At("2022-07-02T00:00:05+08:00"));
  EXPECT_TRUE(TakeCodes().empty()) << "it was corrected to begin later";
  driver_.Tick(At("2022-07-02T00:00:06+08:00"));
  const std::vector<events::v1::CodeChanged> codes = TakeCodes();
  ASSERT_EQ(codes.size(), 1u);
  EXPECT_EQ(codes[0].newly_exposing_case_id(), other);
  EXPECT_EQ(codes[0].colour(), v1::COLOUR_RED);
}

TEST_F(HealthCodeFoldTest, AnExposureThatIsTakenBackBeforeItBeginsTellsNobody) {
  Send(Exposed(false, "2022-07-02T00:00:04+08:00", "2022-07-02T02:00:04+08:00"));
  Send(Exposed(false));
  driver_.Tick(At("2022-07-02T00:01:00+08:00"));
  EXPECT_TRUE(TakeCodes().empty());
}

TEST_F(HealthCodeFoldTest, AnOrderThatRestsOnNoCaseStandsAndIsListed) {
  Send(Ordered("order", kCase));
  EXPECT_EQ(driver_.published(kIsolationTopic).size(), 1u);
  driver_.Tick(At("2022-07-02T23:59:00+08:00"));
  EXPECT_TRUE(driver_.TakeIgnored().empty()) << "the case may still come";
  driver_.Tick(At("2022-07-03T00:00:00+08:00"));
  EXPECT_EQ(driver_.TakeIgnored(), std::vector<std::string>{"BASIS_UNKNOWN"});
  EXPECT_EQ(driver_.published(kIsolationTopic).size(), 1u);
  driver_.Tick(At("2022-07-09T00:00:00+08:00"));
  EXPECT_TRUE(driver_.TakeIgnored().empty());
}

TEST_F(HealthCodeFoldTest, AnOrderMayComeBeforeItsCaseAndAfter) {
  // A case's id hashes to its person's shard.
  std::string case_id;
  for (int i = 0; case_id.empty() || ShardOf(case_id, 4) != ShardOf(kPerson, 4); ++i) {
    case_id = DeriveId(kCaseId, {"a case", std::to_string(i)});
  }
  Send(Ordered("before", case_id));
  Send(Infected(tracing::CASE_STATE_CONFIRMED, case_id));
  Send(Ordered("after", case_id));
  Send(Infected(tracing::CASE_STATE_EXCLUDED, case_id));
  Send(Ordered("last", case_id));
  driver_.Tick(At("2022-07-09T00:00:00+08:00"));
  EXPECT_TRUE(driver_.TakeIgnored().empty());
}

TEST_F(HealthCodeFoldTest, ACorrectionOfWhatIsNotKnownIsTakenInAndListed) {
  Send(Tested("t1", v1::TEST_OUTCOME_NEGATIVE, "2022-07-01T08:00:00+08:00", 2));
  EXPECT_EQ(driver_.TakeIgnored(), std::vector<std::string>{"FIRST_REVISION_MISSING"});
  EXPECT_EQ(driver_.published(kTestResultTopic).size(), 1u);
  Send(Tested("t1", v1::TEST_OUTCOME_POSITIVE, "2022-07-01T08:00:00+08:00", 3));
  EXPECT_TRUE(driver_.TakeIgnored().empty());
}

TEST_F(HealthCodeFoldTest, ExposuresOfOnePersonAreBounded) {
  for (size_t i = 0; i <= kExposuresMax; ++i) {
    Send(Exposed(false, "2022-07-01T08:00:00+08:00", "2022-07-01T09:00:00+08:00",
                 "case_" + std::to_string(i)));
  }
  EXPECT_EQ(driver_.Members(kPerson, keys::Exposures(kPerson)).size(), kExposuresMax);
  EXPECT_EQ(ColourAt("2022-07-02T00:00:00+08:00"), v1::COLOUR_YELLOW);
}

TEST_F(HealthCodeFoldTest, ChangesWithinOneRecordAreToldApart) {
  driver_.AppendTogether(
      kPerson,
      {Exposed(false, "2022-07-01T08:00:00+08:00", "2022-07-01T09:00:00+08:00"), Exposed(false)});
  driver_.Run();
  const std::vector<events::v1::CodeChanged> codes = TakeCodes();
  ASSERT_EQ(codes.size(), 2u);
  EXPECT_EQ(codes[0].colour(), v1::COLOUR_YELLOW);
  EXPECT_EQ(codes[1].colour(), v1::COLOUR_GREEN);
  EXPECT_LT(codes[0].version(), codes[1].version()) << "else the second one's message is none";
  EXPECT_EQ(Code().version(), codes[1].version());
}

TEST_F(HealthCodeFoldTest, ConflictsAndRepeatsChangeNothing) {
  Send(Tested("t1", v1::TEST_OUTCOME_NEGATIVE, "2022-07-01T08:00:00+08:00"));
  const std::string before = *driver_.Get(kPerson, keys::Code(kPerson));
  driver_.TakePublished();
  driver_.TakeIgnored();
  Send(Tested("t1", v1::TEST_OUTCOME_NEGATIVE, "2022-07-01T08:00:00+08:00"));
  EXPECT_TRUE(driver_.TakeIgnored().empty());
  Send(Tested("t1", v1::TEST_OUTCOME_POSITIVE, "2022-07-01T08:00:00+08:00"));
  EXPECT_EQ(driver_.TakeIgnored(), std::vector<std::string>{"EVIDENCE_CONFLICT"});
  EXPECT_TRUE(driver_.TakePublished().empty());
  EXPECT_EQ(*driver_.Get(kPerson, keys::Code(kPerson)), before);
}

TEST_F(HealthCodeFoldTest, TestResultsAndIsolationArePublished) {
  Send(Tested("t1", v1::TEST_OUTCOME_POSITIVE, "2022-07-01T08:00:00+08:00"));
  Send(Tested("t1", v1::TEST_OUTCOME_NEGATIVE, "2022-07-01T08:00:00+08:00", 2));
  Send(Withdrawal("t1", 3));
  const std::vector<Event> results = driver_.published(kTestResultTopic);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].test_result_changed().outcome(), v1::TEST_OUTCOME_POSITIVE);
  EXPECT_EQ(results[1].test_result_changed().outcome(), v1::TEST_OUTCOME_NEGATIVE);
  EXPECT_TRUE(results[2].test_result_changed().withdrawn());

  Send(Transferred("i1", "2022-07-01T12:00:00+08:00"));
  const std::vector<Event> isolations = driver_.published(kIsolationTopic);
  ASSERT_EQ(isolations.size(), 1u) << "tests do not isolate";
  EXPECT_EQ(isolations[0].isolation_changed().separations_size(), 1);
}

TEST_F(HealthCodeFoldTest, TheVersionRisesOnlyWithTheCode) {
  Send(Exposed(false, "2022-07-01T08:00:00+08:00", "2022-07-01T09:00:00+08:00"));
  const uint64_t exposed = Code().version();
  Send(Declared("d1", "2022-07-01T20:00:00+08:00"));
  EXPECT_EQ(Code().version(), exposed);
  Send(Tested("t1", v1::TEST_OUTCOME_NEGATIVE, "2022-07-01T20:00:00+08:00"));
  const uint64_t tested = Code().version();
  EXPECT_GT(tested, exposed) << "the last negative is part of the code";
  Send(Exposed(true, "2022-06-20T20:00:00+08:00", "2022-06-23T22:00:00+08:00"));
  const uint64_t close = Code().version();
  EXPECT_GT(close, tested);
  Send(Exposed(true, "2022-06-23T20:00:00+08:00", "2022-06-25T22:00:00+08:00"));
  const uint64_t red = Code().version();
  driver_.Tick(At("2022-07-03T00:00:00+08:00"));
  EXPECT_GT(Code().version(), red) << "time alone made it yellow";
}

TEST_F(HealthCodeFoldTest, OfManyDeclarationsTheNewestAreKept) {
  const Time first = At("2022-04-01T08:00:00+08:00");
  for (size_t i = 0; i < kDeclarationsMax + 8; ++i) {
    // Every other one comes late.
    const size_t day = (i * 7) % (kDeclarationsMax + 8);
    Send(Declared("d" + std::to_string(day),
                  FormatRfc3339(first + std::chrono::hours(24 * static_cast<int64_t>(day)))));
  }
  const auto kept = driver_.Members(kPerson, keys::Evidence(kPerson));
  EXPECT_EQ(kept.size(), kDeclarationsMax);
  EXPECT_FALSE(kept.contains("lab/d7"));
  EXPECT_TRUE(kept.contains("lab/d8"));
}

// The cell is read at each gate check: what is over weighs nothing.
TEST_F(HealthCodeFoldTest, ManyExposuresMakeASmallCode) {
  const Time first = At("2022-06-20T08:00:00+08:00");
  size_t bytes_max = 0;
  for (int i = 0; i < 400; ++i) {
    const Time from = first + std::chrono::minutes(20 * i);
    Send(Exposed(i % 8 == 0, FormatRfc3339(from), FormatRfc3339(from + std::chrono::minutes(15)),
                 DeriveId(kCaseId, {std::to_string(i)})));
    bytes_max = std::max(bytes_max, driver_.Get(kPerson, keys::Code(kPerson))->size());
  }
  EXPECT_LT(bytes_max, 40'000u);
  EXPECT_EQ(ColourAt("2022-07-02T00:00:00+08:00"), v1::COLOUR_RED);
}

// The same facts in any order give the same code.
TEST_F(HealthCodeFoldTest, TheOrderOfFactsDoesNotMatter) {
  std::vector<Event> facts{
      Exposed(true, "2022-06-20T20:00:00+08:00", "2022-06-20T22:00:00+08:00"),
      Exposed(false, "2022-06-25T20:00:00+08:00", "2022-06-25T22:00:00+08:00",
              DeriveId(kCaseId, {"another case"})),
      Tested("t1", v1::TEST_OUTCOME_NEGATIVE, "2022-06-26T08:00:00+08:00"),
      Tested("t2", v1::TEST_OUTCOME_INDETERMINATE, "2022-06-30T08:00:00+08:00"),
      Tested("t2", v1::TEST_OUTCOME_NEGATIVE, "2022-06-30T08:00:00+08:00", 2),
      Transferred("i1", "2022-07-01T12:00:00+08:00")};
  std::vector<size_t> order(facts.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::string expected;
  do {
    FoldDriver driver(fold_, 4);
    driver.Tick(At("2022-07-02T00:00:00+08:00"));
    for (const size_t i : order) driver.Send(kPerson, facts[i]);
    state::v1::StoredCode code;
    ASSERT_TRUE(code.ParseFromString(*driver.Get(kPerson, keys::Code(kPerson))));
    code.clear_version();
    if (expected.empty()) expected = code.SerializeAsString();
    ASSERT_EQ(code.SerializeAsString(), expected);
    const Shard shard = ShardOf(kPerson, 4);
    ASSERT_EQ(driver.digest(shard), driver.Recounted(shard));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(HealthCodeFoldTest, TheConfiguredPolicyHoldsFromItsRecordOn) {
  state::v1::PolicyConfiguration configuration;
  configuration.set_time_zone("Asia/Shanghai");
  configuration.set_close_red_days(3);
  configuration.set_close_yellow_days(5);
  configuration.set_place_negatives_gap_hours(24);
  driver_.Configure(configuration.SerializeAsString());
  Send(Exposed(true, "2022-07-01T20:00:00+08:00", "2022-07-01T22:00:00+08:00"));
  EXPECT_EQ(ColourAt("2022-07-04T23:59:59+08:00"), v1::COLOUR_RED);
  EXPECT_EQ(ColourAt("2022-07-05T00:00:00+08:00"), v1::COLOUR_YELLOW);
}

TEST_F(HealthCodeFoldTest, AConfigurationThatIsNoneDoesNotComeIntoForce) {
  state::v1::PolicyConfiguration nowhere = DefaultPolicyConfiguration();
  nowhere.set_time_zone("Nowhere/None");
  state::v1::PolicyConfiguration endless = DefaultPolicyConfiguration();
  endless.set_close_yellow_days(UINT32_MAX);
  for (const std::string& bytes :
       {std::string("\xff"), nowhere.SerializeAsString(), endless.SerializeAsString()}) {
    driver_.Configure(bytes);
    driver_.Run();
    EXPECT_EQ(driver_.TakeIgnored(), std::vector<std::string>(4, "CONFIGURATION_INVALID"));
  }
  Send(Exposed(true, "2022-07-01T20:00:00+08:00", "2022-07-01T22:00:00+08:00"));
  EXPECT_EQ(ColourAt("2022-07-08T23:59:59+08:00"), v1::COLOUR_RED);
}

TEST_F(HealthCodeFoldTest, CountsWhatIsAboutNobody) {
  Event event;
  event.mutable_evidence_observed()->mutable_evidence()->set_source("lab");
  Send(event);
  EXPECT_EQ(driver_.TakeIgnored(), std::vector<std::string>{"EVENT_NOT_OF_THIS_SERVICE"});
}

}  // namespace
}  // namespace epigrid::health_code
