#include "common/projector/view_keys.h"

#include <gtest/gtest.h>

#include <limits>

namespace epigrid {
namespace {

TEST(ViewKeys, BeginWithTheSystemsPrefix) {
  const ViewKeys keys("health_code", "epigrid:");
  EXPECT_EQ(keys.Live(7), "epigrid:{health_code-7}live");
  EXPECT_EQ(keys.GenerationPrefix(7, 3), "epigrid:{health_code-7}3:");
  EXPECT_EQ(keys.Cell(7, 3, "code:x"), "epigrid:{health_code-7}3:code:x");
  EXPECT_EQ(keys.applied_channel(), "epigrid:health_code.applied");
}

TEST(ViewKeys, HaveTheShardsHashTag) {
  const ViewKeys keys("s");
  EXPECT_EQ(keys.Live(0), ShardTag("s", 0) + "live");
  const Shard shard = std::numeric_limits<Shard>::max();
  const Generation generation = std::numeric_limits<Generation>::max();
  EXPECT_EQ(keys.Cell(shard, generation, "c"),
            ShardTag("s", shard) + std::to_string(generation) + ":c");
}

TEST(ViewKeys, AreReadBack) {
  const ViewKeys keys("s", "epigrid:");
  const auto cell = keys.Parse("epigrid:{s-7}3:code:{x}");
  ASSERT_TRUE(cell.has_value());
  EXPECT_EQ(cell->of, (ShardGeneration{7, 3}));
  EXPECT_EQ(cell->cell, "code:{x}");
  EXPECT_EQ(keys.Parse(keys.GenerationPrefix(7, 3))->cell, "");
  for (const char* other :
       {"", "epigrid:{s-7}live", "{s-7}3:a", "epigrid:{t-7}3:a", "epigrid:{s-7}3",
        "epigrid:{s-}3:a", "epigrid:{s-7", "epigrid:{s-7}x3:a", "epigrid:{s-99999999999}3:a"}) {
    EXPECT_FALSE(keys.Parse(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace epigrid
