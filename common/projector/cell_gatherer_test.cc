#include "common/projector/cell_gatherer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace epigrid {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr uint32_t kShards = 4;

// Answers each cell with its own name; "none" with nothing. Used on the loop's thread.
class CellGathererTest : public testing::Test {
 protected:
  using Cells = CellGatherer::Cells;

  Task<Result<Reply>> Answer(Shard shard, std::vector<std::string> cells) {
    reads_.emplace(shard, cells);
    if (shard == broken_) co_return Unavailable("VIEW_UNAVAILABLE", "try again");
    Reply reply{.type = Reply::Type::kArray};
    for (const std::string& cell : cells) {
      reply.elements.push_back(cell == "none" ? Reply()
                                              : Reply{.type = Reply::Type::kString, .text = cell});
    }
    co_return reply;
  }

  // Begins both in one turn of the loop.
  std::pair<Cells, Cells> ReadBoth(std::vector<CellGatherer::Address> first,
                                   std::vector<CellGatherer::Address> second) {
    std::optional<Future<Cells>> one;
    std::optional<Future<Cells>> other;
    loop_.RunOnLoop([&] {
      one.emplace(epigrid::Run(gatherer_.Read(std::move(first))));
      other.emplace(epigrid::Run(gatherer_.Read(std::move(second))));
    });
    Cells cells = std::move(*one).Wait();
    return {std::move(cells), std::move(*other).Wait()};
  }

  EventLoop loop_{"test"};
  std::multimap<Shard, std::vector<std::string>> reads_;
  std::optional<Shard> broken_;
  CellGatherer gatherer_{loop_, kShards, [this](Shard shard, std::vector<std::string> cells) {
                           return Answer(shard, std::move(cells));
                         }};
};

TEST_F(CellGathererTest, WhatTwoWantOfAShardInOneTurnIsReadAtOnce) {
  const auto [first, second] =
      ReadBoth({{1, "a"}, {2, "b"}, {1, "none"}}, {{2, "c"}, {1, "a"}, {3, "d"}});
  ASSERT_THAT(first, SizeIs(3));
  EXPECT_EQ(**first[0], "a");
  EXPECT_EQ(**first[1], "b");
  EXPECT_FALSE(first[2]->has_value());
  ASSERT_THAT(second, SizeIs(3));
  EXPECT_EQ(**second[0], "c");
  EXPECT_EQ(**second[1], "a");
  EXPECT_EQ(**second[2], "d");
  ASSERT_THAT(reads_, SizeIs(3));
  EXPECT_THAT(reads_.find(1)->second, ElementsAre("a", "none", "a"));
  EXPECT_THAT(reads_.find(2)->second, ElementsAre("b", "c"));
}

TEST_F(CellGathererTest, AShardThatCannotBeReadSpoilsOnlyItsOwnCells) {
  broken_ = 1;
  const auto [first, second] = ReadBoth({{1, "a"}, {2, "b"}}, {{1, "c"}});
  EXPECT_EQ(first[0].status().reason(), "VIEW_UNAVAILABLE");
  EXPECT_EQ(**first[1], "b");
  EXPECT_EQ(second[0].status().reason(), "VIEW_UNAVAILABLE");
}

TEST_F(CellGathererTest, ManyCellsOfAShardAreReadByMoreThanOneCommand) {
  std::vector<CellGatherer::Address> many;
  for (int i = 0; i < 1200; ++i) many.push_back({2, std::to_string(i)});
  const auto [first, second] = ReadBoth(many, {});
  ASSERT_THAT(first, SizeIs(1200));
  for (int i = 0; i < 1200; ++i) EXPECT_EQ(**first[i], std::to_string(i));
  EXPECT_TRUE(second.empty());
  EXPECT_EQ(reads_.count(2), 3u);
}

TEST_F(CellGathererTest, AnyThreadMayRead) {
  const Cells cells = epigrid::Run(gatherer_.Read({{3, "a"}})).Wait();
  EXPECT_EQ(**cells[0], "a");
}

}  // namespace
}  // namespace epigrid
