#include "common/projector/record_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/counting_fold.h"

namespace epigrid {
namespace {

using ::testing::ElementsAre;

// One shard, whose view is empty.
class RecordFolderTest : public ::testing::Test {
 protected:
  RecordFolderTest() {
    folder_.cells.Begin({});
    NeedSet needs;
    folder_.CommonNeeds(needs);
    for (const CellRead& read : folder_.cells.Missing(needs.reads())) folder_.cells.Load(read, {});
  }

  static Envelope Emitted(Offset offset, std::vector<Event> events) {
    Envelope envelope;
    envelope.set_schema_version(kSchemaVersion);
    envelope.mutable_position()->set_stream("counting.inbox");
    envelope.mutable_position()->set_offset(offset);
    for (Event& event : events) *envelope.add_events() = std::move(event);
    return envelope;
  }
  GatheredRecord Begin(Offset offset, const std::string& key, std::string value) {
    GatheredRecord gathered = folder_.Open({offset, Time{1}, key, std::move(value)});
    folder_.BeginRecord(gathered);
    return gathered;
  }

  const CountingFold fold_{"counting"};
  RecordFolder folder_{fold_, {"counting", 0, 1}, nullptr};
};

// What was read before it broke is not believed: a mark that it moved would make what comes after
// it a repetition.
TEST_F(RecordFolderTest, ARecordThatDoesNotParseMovesNoMarkAndParksItsKeyOnly) {
  const Envelope whole = Emitted(7, {MembershipStated("household", "person")});
  const std::string half = whole.SerializeAsString() + "\xff";
  EXPECT_EQ(Begin(1, "key", half).park_reason, kParkedMalformed);
  ASSERT_NE(folder_.parked.Find(1), nullptr);
  EXPECT_THAT(folder_.parked.Find(1)->entities, ElementsAre("key"));
  EXPECT_TRUE(folder_.meta.marks.empty());
  EXPECT_FALSE(Begin(2, "household", whole.SerializeAsString()).repeated);
}

TEST_F(RecordFolderTest, AnEventOfAnUnknownKindParksTheEntityThatItStatesAndThoseInItsRecord) {
  Event unknown = OfUnknownKind("x");
  unknown.set_entity("stated");
  const Envelope batch = Emitted(7, {MembershipStated("household", "person"), unknown});
  EXPECT_EQ(Begin(1, "key", batch.SerializeAsString()).park_reason, kParkedUnknownEvent);
  EXPECT_THAT(folder_.parked.Find(1)->entities, ElementsAre("household", "key", "stated"));
}

}  // namespace
}  // namespace epigrid
