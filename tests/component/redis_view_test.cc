// RedisView on a real Redis: the contract, and what is its own.
#include "common/projector/redis_view.h"

#include <thread>

#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"
#include "tests/component/view_contract.h"

namespace epigrid {
namespace {

class RedisViewUnderTest final : public ViewUnderTest {
 public:
  RedisViewUnderTest()
      : loop_("test"),
        redis_(loop_, {.address = server_.address()}),
        view_(redis_, ViewKeys("test")) {}

  RedisView& view() override { return view_; }
  RedisClient& redis() { return redis_; }
  RedisServer& server() { return server_; }
  void RunUntil(const std::function<bool()>& condition) override {
    while (!condition()) std::this_thread::yield();
  }

 private:
  RedisServer server_;
  EventLoop loop_;
  RedisClient redis_;
  RedisView view_;
};

INSTANTIATE_TEST_SUITE_P(Redis, ViewContract,
                         testing::Values(+[]() -> std::unique_ptr<ViewUnderTest> {
                           return std::make_unique<RedisViewUnderTest>();
                         }));

TEST(RedisView, RecountsWhatTheCellsSay) {
  RedisViewUnderTest under_test;
  RedisView& view = under_test.view();
  ASSERT_TRUE(view.Create(7, 1, 1).Wait().ok());
  GuardedBatch batch;
  batch.generation = 1;
  batch.fold_version = 1;
  batch.next = 1;
  batch.writes = {{CellWrite::Kind::kSet, "a", {}, "1", {}},
                  {CellWrite::Kind::kSetMember, "h", "x", "2", {}},
                  {CellWrite::Kind::kAddToIndex, "i", "m", {}, {}},
                  {CellWrite::Kind::kSetTimer, {}, "t", {}, Time{1'700'000'000'123'456}}};
  Digest want;
  want.AddCell("a", {}, "1");
  want.AddCell("h", "x", "2");
  want.AddCell("i", "m", {});
  want.AddTimer("t", Time{1'700'000'000'123'456});
  ASSERT_TRUE(view.Commit(7, batch).Wait()->applied);
  ASSERT_TRUE(view.Create(8, 1, 1).Wait().ok());
  const auto recounts = view.RecountDigests({{7, 1}, {8, 1}}).Wait();
  ASSERT_TRUE(recounts.ok());
  EXPECT_EQ(recounts->at({7, 1}).digest, want);
  EXPECT_EQ(recounts->at({7, 1}).cells, 4u);
  EXPECT_EQ(recounts->at({8, 1}).cells, 0u);
}

TEST(RedisView, DropLeavesNothingOfItsGeneration) {
  RedisViewUnderTest under_test;
  RedisView& view = under_test.view();
  ASSERT_TRUE(view.Create(7, 1, 1).Wait().ok());
  ASSERT_TRUE(view.Create(7, 11, 1).Wait().ok());
  ASSERT_TRUE(view.Create(8, 1, 1).Wait().ok());
  ASSERT_TRUE(view.Drop({{7, 1}, {8, 1}}).Wait().ok());
  Result<Reply> keys = under_test.redis().Call({"KEYS", "*"}).Wait();
  ASSERT_EQ(keys->elements.size(), 1u);
  EXPECT_EQ(keys->elements[0].text, "{test-7}11:meta");
}

TEST(RedisView, TwoSystemsOnOneRedisHaveAViewEach) {
  RedisViewUnderTest under_test;
  RedisView& view = under_test.view();
  RedisView other(under_test.redis(), ViewKeys("test", "other:"));
  ASSERT_TRUE(view.Create(7, 1, 1).Wait().ok());
  ASSERT_TRUE(*view.SetLive(7, 1, 0).Wait());
  EXPECT_FALSE(other.Live(7).Wait()->has_value());
  ASSERT_TRUE(other.Create(7, 1, 1).Wait().ok());
  GuardedBatch batch;
  batch.generation = 1;
  batch.fold_version = 1;
  batch.next = 1;
  batch.writes = {{CellWrite::Kind::kSet, "a", {}, "1", {}}};
  ASSERT_TRUE(other.Commit(7, batch).Wait()->applied);
  EXPECT_EQ(view.Open(7, 1).Wait()->value().meta.applied, 0u);
  ASSERT_TRUE(view.Drop({{7, 1}}).Wait().ok());
  EXPECT_EQ(other.Open(7, 1).Wait()->value().meta.applied, 1u);
}

// A rebuild of every shard leaves one to drop in each; each pass looks through all there is.
TEST(RedisView, OnePassDropsManyGenerations) {
  RedisViewUnderTest under_test;
  RedisView& view = under_test.view();
  constexpr Shard kShards = 64;
  std::vector<ShardGeneration> old;
  for (Shard shard = 0; shard < kShards; ++shard) {
    ASSERT_TRUE(view.Create(shard, 1, 1).Wait().ok());
    ASSERT_TRUE(view.Create(shard, 2, 1).Wait().ok());
    old.push_back({shard, 1});
  }
  ASSERT_TRUE(under_test.redis().Call({"CONFIG", "RESETSTAT"}).Wait().ok());
  ASSERT_TRUE(view.Drop(old).Wait().ok());
  EXPECT_EQ(under_test.redis().Call({"DBSIZE"}).Wait()->integer, kShards);
  const std::string stats = under_test.redis().Call({"INFO", "commandstats"}).Wait()->text;
  EXPECT_NE(stats.find("cmdstat_scan:calls=1,"), std::string::npos) << stats;
}

TEST(RedisView, SaysSoWhenRedisDoesNotAnswer) {
  RedisViewUnderTest under_test;
  under_test.server().Kill();
  auto live = under_test.view().Live(7).Wait();
  ASSERT_FALSE(live.ok());
  EXPECT_EQ(live.status().code(), Code::kUnavailable);
  EXPECT_EQ(live.status().reason(), "VIEW_UNAVAILABLE");
}

}  // namespace
}  // namespace epigrid
