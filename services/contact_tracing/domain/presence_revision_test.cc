#include "services/contact_tracing/domain/presence_revision.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "common/base/proto_time.h"

namespace epigrid::contact_tracing {
namespace {

Time At(int minute) { return Time::FromSeconds(1'640'966'400 + minute * 60); }

v1::PresenceObservation CheckIn(uint32_t revision, int start, int end = -1) {
  v1::PresenceObservation told;
  told.set_revision(revision);
  told.mutable_check_in()->set_setting_id("setting");
  *told.mutable_check_in()->mutable_start_time() = ToProto(At(start));
  if (end >= 0) *told.mutable_check_in()->mutable_end_time() = ToProto(At(end));
  return told;
}
v1::PresenceObservation CheckOut(uint32_t revision, int end) {
  v1::PresenceObservation told;
  told.set_revision(revision);
  *told.mutable_check_out()->mutable_end_time() = ToProto(At(end));
  return told;
}
v1::PresenceObservation Deletion(uint32_t revision) {
  v1::PresenceObservation told;
  told.set_revision(revision);
  told.mutable_deletion();
  return told;
}

TEST(PresenceRevisionTest, TheSameAgainChangesNothing) {
  state::v1::PresenceState state;
  EXPECT_EQ(Revise(CheckIn(1, 0), state), Revised::kChanged);
  EXPECT_EQ(Revise(CheckIn(1, 0), state), Revised::kNothing);
  EXPECT_EQ(Revise(CheckOut(2, 30), state), Revised::kChanged);
  EXPECT_EQ(Revise(CheckOut(2, 30), state), Revised::kNothing);
  EXPECT_EQ(Revise(CheckIn(1, 0), state), Revised::kNothing);
}

TEST(PresenceRevisionTest, TheSameRevisionWithAnotherContentIsAConflict) {
  state::v1::PresenceState state;
  Revise(CheckIn(1, 0), state);
  const std::string before = state.SerializeAsString();
  EXPECT_EQ(Revise(CheckIn(1, 5), state), Revised::kConflict);
  EXPECT_EQ(Revise(CheckOut(1, 5), state), Revised::kConflict);
  EXPECT_EQ(Revise(Deletion(1), state), Revised::kConflict);
  EXPECT_EQ(state.SerializeAsString(), before);
  Revise(CheckOut(2, 30), state);
  EXPECT_EQ(Revise(CheckOut(2, 31), state), Revised::kConflict);
  EXPECT_EQ(Revise(CheckIn(2, 0), state), Revised::kConflict);
}

TEST(PresenceRevisionTest, EveryOrderEndsTheSame) {
  std::vector<v1::PresenceObservation> told = {CheckIn(1, 0, 20), CheckOut(2, 30), CheckIn(3, 5),
                                               CheckOut(4, 40), CheckOut(5, 45)};
  std::vector<size_t> order = {0, 1, 2, 3, 4};
  do {
    state::v1::PresenceState state;
    for (const size_t i : order) Revise(told[i], state);
    EXPECT_EQ(state.revision(), 3u);
    EXPECT_EQ(EndOf(state, At(5)), At(45));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(PresenceRevisionTest, ADeletionStandsAgainstWhatIsOlderAndYieldsToWhatIsNewer) {
  std::vector<v1::PresenceObservation> told = {CheckIn(1, 0), Deletion(3), CheckOut(4, 30)};
  std::vector<size_t> order = {0, 1, 2};
  do {
    state::v1::PresenceState state;
    for (const size_t i : order) Revise(told[i], state);
    EXPECT_TRUE(state.deleted());
    EXPECT_EQ(Revise(CheckIn(5, 0), state), Revised::kChanged);
    EXPECT_FALSE(state.deleted());
    EXPECT_EQ(EndOf(state, At(0)), std::nullopt);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(PresenceRevisionTest, AnImpossibleCheckOutLeavesTheDeclaredEnd) {
  state::v1::PresenceState state;
  Revise(CheckIn(1, 60, 90), state);
  Revise(CheckOut(2, 60), state);
  EXPECT_EQ(EndOf(state, At(60)), At(90));
  Revise(CheckOut(3, 60 + 24 * 60 + 1), state);
  EXPECT_EQ(EndOf(state, At(60)), At(90));
  Revise(CheckOut(4, 60 + 24 * 60), state);
  EXPECT_EQ(EndOf(state, At(60)), At(60 + 24 * 60));
}

}  // namespace
}  // namespace epigrid::contact_tracing
