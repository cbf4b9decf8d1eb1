#include "common/projector/generation_dropper.h"

#include <gtest/gtest.h>

#include "tests/fakes/sim_scheduler.h"

namespace epigrid {
namespace {

// Counts the passes, and answers when it is told to.
class PassView final : public View {
 public:
  Future<Result<Done>> Drop(std::vector<ShardGeneration> generations) override {
    EXPECT_FALSE(under_way.has_value()) << "two passes at once";
    passes.push_back(std::move(generations));
    return under_way.emplace().future();
  }
  void Answer(Result<Done> result) {
    std::exchange(under_way, std::nullopt)->Set(std::move(result));
  }
  Future<Result<std::optional<Generation>>> Live(Shard) override { return Never(); }
  Future<Result<std::optional<Opened>>> Open(Shard, Generation) override { return Never(); }
  Future<Result<Done>> Create(Shard, Generation, uint32_t) override { return Never(); }
  Future<Result<bool>> SetLive(Shard, Generation, Offset) override { return Never(); }
  Future<Result<Done>> SetAttempt(Shard, Generation, Offset, uint32_t) override { return Never(); }
  Future<Result<ViewRead>> Read(Shard, Generation, std::vector<CellRead>) override {
    return Never();
  }
  Future<Result<Committed>> Commit(Shard, GuardedBatch) override { return Never(); }

  std::vector<std::vector<ShardGeneration>> passes;
  std::optional<Promise<Result<Done>>> under_way;

 private:
  struct AnyFuture {
    template <typename T>
    operator Future<T>() const {  // NOLINT(google-explicit-constructor)
      return Promise<T>().future();
    }
  };
  static AnyFuture Never() { return {}; }
};

TEST(GenerationDropper, LooksThroughTheViewOnceForAllThatWait) {
  SimScheduler world(1);
  PassView view;
  GenerationDropper dropper(world, view);
  auto first = dropper.Drop({0, 1});
  auto second = dropper.Drop({1, 1});
  world.RunUntil([&] { return view.under_way.has_value(); });
  EXPECT_EQ(view.passes.back(), (std::vector<ShardGeneration>{{0, 1}, {1, 1}}));
  // Too late for the pass under way: the next one.
  auto third = dropper.Drop({2, 1});
  auto fourth = dropper.Drop({0, 2});
  EXPECT_FALSE(first.ready());
  view.Answer(Done{});
  EXPECT_TRUE(std::move(first).Wait().ok());
  EXPECT_TRUE(std::move(second).Wait().ok());
  EXPECT_FALSE(third.ready());
  world.RunUntil([&] { return view.under_way.has_value(); });
  EXPECT_EQ(view.passes.back(), (std::vector<ShardGeneration>{{2, 1}, {0, 2}}));
  view.Answer(Unavailable("VIEW_UNAVAILABLE", "gone"));
  EXPECT_EQ(std::move(third).Wait().reason(), "VIEW_UNAVAILABLE");
  EXPECT_EQ(std::move(fourth).Wait().reason(), "VIEW_UNAVAILABLE");

  auto again = dropper.Drop({2, 1});
  world.RunUntil([&] { return view.under_way.has_value(); });
  view.Answer(Done{});
  EXPECT_TRUE(std::move(again).Wait().ok());
  EXPECT_EQ(view.passes.size(), 3u);
}

}  // namespace
}  // namespace epigrid
