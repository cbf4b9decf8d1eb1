#include "common/projector/parking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/projector/outcomes.h"
#include "common/projector/record_folder.h"

namespace epigrid {
namespace {

using ::testing::ElementsAre;

class ParkingTest : public ::testing::Test {
 protected:
  ParkingTest() {
    cells_.Begin({});
    NeedSet needs;
    needs.String(std::string(kParkedCell));
    for (const CellRead& read : cells_.Missing(needs.reads())) cells_.Load(read, {});
  }
  Cells cells_;
  ParkedRecords parked_;
};

TEST_F(ParkingTest, AnEntityWaitsForTheOldestRecordThatHoldsIt) {
  parked_.Park(10, kParkedCrashed, {"a"}, cells_);
  parked_.Park(20, kParkedMalformed, {"a", "b"}, cells_);
  EXPECT_EQ(parked_.BlockedBy({"a"}, 30), 10u);
  EXPECT_EQ(parked_.BlockedBy({"b"}, 30), 20u);
  EXPECT_EQ(parked_.BlockedBy({"c"}, 30), std::nullopt);
}

TEST_F(ParkingTest, WhatIsRetriedPassesOnToYoungerRecordsOnly) {
  for (const Offset root : {10, 20, 40}) parked_.Park(root, kParkedCrashed, {"a"}, cells_);
  EXPECT_EQ(parked_.BlockedBy({"a"}, 30, 10), 20u);
  EXPECT_EQ(parked_.BlockedBy({"a"}, 30, 20), std::nullopt);
  EXPECT_EQ(parked_.BlockedBy({"a"}, 20, 20), 10u) << "the record itself has not waited yet";
  EXPECT_EQ(parked_.BlockedBy({"a"}, 20, 10), std::nullopt);
  EXPECT_EQ(parked_.BlockedBy({"a"}, 10, 10), std::nullopt) << "it does not wait for itself";
}

TEST_F(ParkingTest, WhoeverMeetsAWaitingEntityWaitsToo) {
  parked_.Park(10, kParkedCrashed, {"a"}, cells_);
  parked_.ParkBehind(10, {30, 2}, {"a", "b"}, cells_);
  EXPECT_EQ(parked_.BlockedBy({"b"}, 40), 10u);
}

TEST_F(ParkingTest, TheCellSaysAllOfIt) {
  parked_.Park(10, kParkedCrashed, {"a"}, cells_);
  parked_.ParkBehind(10, {30, 2}, {"b"}, cells_);
  std::optional<ParkedRecords> read = ParkedRecords::Decode(*cells_.Get(kParkedCell));
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->roots().size(), 1u);
  EXPECT_EQ(read->roots()[0].reason, "CRASHED");
  EXPECT_THAT(read->roots()[0].entities, ElementsAre("a", "b"));
  EXPECT_NE(cells_.GetMember("parked:10", Waiting{10, std::nullopt}.ToField()), nullptr);
  EXPECT_NE(cells_.GetMember("parked:10", (Waiting{30, 2}.ToField())), nullptr);

  parked_.Release(10, cells_);
  EXPECT_EQ(cells_.Get(kParkedCell), nullptr);
}

TEST_F(ParkingTest, AKeyOfAnyBytesIsKept) {
  parked_.Park(10, kParkedMalformed, {"\xff"}, cells_);
  std::optional<ParkedRecords> read = ParkedRecords::Decode(*cells_.Get(kParkedCell));
  ASSERT_TRUE(read.has_value());
  EXPECT_THAT(read->roots()[0].entities, ElementsAre("\xff"));
}

// Else two of its steps would have the versions of the next record's.
TEST(Unparked, ARecordHasNoMoreStepsThanVersions) {
  const Waiting event{30, 2};
  const Waiting record{30, std::nullopt};
  GatheredRecord gathered;
  EXPECT_TRUE(RecordFolder::HasRoomFor(record, gathered));
  gathered.steps.resize(1);
  EXPECT_TRUE(RecordFolder::HasRoomFor(event, gathered));
  EXPECT_FALSE(RecordFolder::HasRoomFor(record, gathered)) << "it may carry 128 events";
  gathered.steps.resize(kEventsPerRecordMax - 1);
  EXPECT_TRUE(RecordFolder::HasRoomFor(event, gathered));
  gathered.steps.resize(kEventsPerRecordMax);
  EXPECT_FALSE(RecordFolder::HasRoomFor(event, gathered));
}

TEST(Waiting, FieldsSortAsTheLogDoes) {
  const std::vector<Waiting> in_order = {{9, std::nullopt}, {10, 2}, {10, 11}, {100, std::nullopt}};
  for (size_t i = 0; i < in_order.size(); ++i) {
    EXPECT_EQ(Waiting::FromField(in_order[i].ToField()), in_order[i]);
    if (i > 0) EXPECT_LT(in_order[i - 1].ToField(), in_order[i].ToField());
  }
  EXPECT_EQ(Waiting::FromField("rubbish"), std::nullopt);
}

TEST(Outcomes, KeysThatDifferHaveCellsThatDiffer) {
  events::v1::RequestKey one, other;
  one.set_caller("ab");
  one.set_method("c");
  other.set_caller("a");
  other.set_method("bc");
  EXPECT_NE(OutcomeCell(one), OutcomeCell(other));
  other = one;
  EXPECT_EQ(OutcomeCell(one), OutcomeCell(other));
  other.set_item(1);
  EXPECT_NE(OutcomeCell(one), OutcomeCell(other));
  EXPECT_EQ(OutcomeCell(one).size(), kOutcomePrefix.size() + 32);
}

TEST(Outcomes, ComeBackAsTheyWere) {
  const Outcome outcome{
      NotFound("PERSON_UNKNOWN", "no such person").With("field", "person_id").With("a", "b"),
      "result"};
  const auto decoded = DecodeOutcome(EncodeOutcome("fingerprint", outcome, Time{5}));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->fingerprint, "fingerprint");
  EXPECT_EQ(decoded->outcome.status, outcome.status);
  EXPECT_EQ(decoded->outcome.result, "result");
}

}  // namespace
}  // namespace epigrid
