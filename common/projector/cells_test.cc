#include "common/projector/cells.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace epigrid {
namespace {

using Kind = CellRead::Kind;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

CellRead String(std::string key) { return {Kind::kString, std::move(key), {}, {}}; }
CellRead Member(std::string key, std::string field) {
  return {Kind::kMember, std::move(key), std::move(field), {}};
}
CellRead Members(std::string key) { return {Kind::kMembers, std::move(key), {}, {}}; }

class CellsTest : public ::testing::Test {
 protected:
  CellsTest() { cells_.Begin({}); }
  // Loads as if the view had nothing.
  void LoadAbsent(std::vector<CellRead> reads) {
    for (const CellRead& read : cells_.Missing(reads)) cells_.Load(read, {});
  }
  Cells cells_;
};

TEST_F(CellsTest, NamesWhatIsMissingOnce) {
  EXPECT_THAT(cells_.Missing({String("a"), String("a"), Member("h", "x"), Member("h", "y")}),
              ElementsAre(String("a"), Member("h", "x"), Member("h", "y")));
  EXPECT_THAT(cells_.Missing({String("a"), Member("h", "x"), String("b")}),
              ElementsAre(String("b")));
  EXPECT_FALSE(cells_.HasString("a"));
  cells_.Load(String("a"), {.value = "1", .members = {}, .timers = {}});
  EXPECT_TRUE(cells_.HasString("a"));
  EXPECT_EQ(*cells_.Get("a"), "1");
}

TEST_F(CellsTest, WholeHashAnswersForEveryMember) {
  for (const CellRead& read : cells_.Missing({Members("h")})) {
    cells_.Load(read, {.value = {}, .members = {{"x", "1"}}, .timers = {}});
  }
  EXPECT_EQ(*cells_.GetMember("h", "x"), "1");
  EXPECT_EQ(cells_.GetMember("h", "y"), nullptr);
  EXPECT_TRUE(cells_.Missing({Member("h", "z")}).empty());
}

TEST_F(CellsTest, LoadingTheWholeHashKeepsWhatTheBatchHasWritten) {
  LoadAbsent({Member("h", "x"), Member("h", "y")});
  cells_.SetMember("h", "x", "new");
  for (const CellRead& read : cells_.Missing({Members("h")})) {
    cells_.Load(read, {.value = {}, .members = {{"z", "old"}}, .timers = {}});
  }
  EXPECT_THAT(cells_.GetMembers("h"), ElementsAre(Pair("x", "new"), Pair("z", "old")));
}

TEST_F(CellsTest, LastValueOfAStringIsWrittenOnce) {
  LoadAbsent({String("a")});
  cells_.Set("a", "1");
  cells_.Set("a", "2");
  EXPECT_EQ(cells_.changes(), 2u);
  std::vector<CellWrite> writes = cells_.TakeWrites();
  ASSERT_THAT(writes, SizeIs(1));
  EXPECT_EQ(writes[0].kind, CellWrite::Kind::kSet);
  EXPECT_EQ(writes[0].value, "2");
}

TEST_F(CellsTest, WritingTheSameValueIsNoWrite) {
  for (const CellRead& read : cells_.Missing({String("a")})) {
    cells_.Load(read, {.value = "1", .members = {}, .timers = {}});
  }
  cells_.Set("a", "1");
  EXPECT_EQ(cells_.changes(), 0u);
  EXPECT_EQ(cells_.pending_writes(), 0u);
}

TEST_F(CellsTest, DigestDependsOnTheStateAlone) {
  LoadAbsent({String("a"), String("b"), Member("h", "x"), Members("m")});
  const Digest empty = cells_.digest();
  cells_.Set("a", "1");
  cells_.Set("b", "2");
  const Digest both = cells_.digest();
  cells_.Delete("a");
  cells_.SetMember("h", "x", "3");
  cells_.SetMember("m", "y", "3");
  cells_.AddToIndex("i", "one");
  cells_.MoveTimer("t", {}, Time::FromSeconds(5));
  cells_.MoveTimer("t", Time::FromSeconds(5), Time::FromSeconds(6));
  EXPECT_NE(cells_.digest(), both);
  cells_.MoveTimer("t", Time::FromSeconds(6), kTimerDueEnd);
  cells_.MoveTimer("t", kTimerDueEnd, {});
  cells_.MoveTimer("t", kEndOfTime, kTimerDueEnd);
  cells_.RemoveFromIndex("i", "one");
  cells_.DeleteMember("h", "x");
  cells_.DeleteMembers("m");
  cells_.Set("a", "1");
  EXPECT_EQ(cells_.digest(), both);
  cells_.Delete("a");
  cells_.Delete("b");
  EXPECT_EQ(cells_.digest(), empty);
}

TEST_F(CellsTest, DigestTellsKeyFieldAndValueApart) {
  Digest a, b;
  a.AddCell("k", "fv", "");
  b.AddCell("kf", "v", "");
  EXPECT_NE(a, b);
  EXPECT_EQ(a.ToHex().size(), 32u);
}

TEST_F(CellsTest, TrimForgetsWhatWasUsedLongestAgo) {
  LoadAbsent({String("old")});
  cells_.Begin({});
  LoadAbsent({String("new")});
  cells_.Begin({});
  const size_t before = cells_.bytes();
  cells_.Trim(before - 1);
  EXPECT_FALSE(cells_.HasString("old"));
  EXPECT_TRUE(cells_.HasString("new"));
  cells_.Trim(0);
  EXPECT_EQ(cells_.bytes(), 0u);
}

TEST_F(CellsTest, BytesFallBackToNothing) {
  LoadAbsent({String("a"), Member("h", "x"), Members("m")});
  cells_.Set("a", "123");
  cells_.SetMember("h", "x", "1");
  cells_.SetMember("h", "x", "22");
  cells_.SetMember("m", "y", "1");
  cells_.DeleteMember("h", "x");
  cells_.DeleteMembers("m");
  cells_.TakeWrites();
  cells_.Trim(0);
  EXPECT_EQ(cells_.bytes(), 0u);
}

TEST_F(CellsTest, TouchingWhatIsNotLoadedAborts) {
  EXPECT_DEATH(cells_.Get("a"), "not loaded: a");
  EXPECT_DEATH(cells_.Set("a", "1"), "not loaded: a");
  LoadAbsent({Member("h", "x")});
  EXPECT_DEATH(cells_.SetMember("h", "y", "1"), "not loaded: h");
  EXPECT_DEATH(cells_.GetMembers("h"), "not loaded: h");
}

}  // namespace
}  // namespace epigrid
