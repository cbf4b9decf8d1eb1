#include "common/projector/rebuild.h"

#include <gtest/gtest.h>

#include "tests/fakes/counting_fold.h"
#include "tests/fakes/sim_log.h"
#include "tests/fakes/sim_view.h"

namespace epigrid {
namespace {

using std::chrono::seconds;

constexpr char kService[] = "counting";

class LiveShard final : public RebuiltShard {
 public:
  std::optional<ShardMeta> LiveCommitted() const override { return meta; }
  void PauseLive() override { paused = true; }
  bool LivePaused() const override { return paused; }

  ShardMeta meta;
  bool paused = false;
};

class RebuildTest : public ::testing::Test {
 protected:
  RebuildTest()
      : process_(world_), storage_(world_), log_(storage_, process_), view_(views_, process_) {}

  void Append(int records) {
    const std::unique_ptr<Producer> producer = log_.NewProducer();
    for (int i = 0; i < records; ++i) {
      Envelope envelope;
      envelope.set_schema_version(kSchemaVersion);
      *envelope.add_events() = Registered("person", "text");
      auto appended = producer->Append({{{"counting.inbox", 0}, "", envelope.SerializeAsString()}});
      world_.RunUntil([&] { return appended.ready(); });
      end_ = std::move(appended).Wait()->front();
    }
  }
  // Rebuilds from generation 1, until it has ended or the time is over.
  std::optional<Status> RebuildFor(Duration time, Offset requested_at = 1) {
    std::optional<Status> ended;
    ShardProjectorOptions options;
    options.shard_count = 1;
    options.own_attempt = own_attempt_;
    Rebuild rebuild({&process_, &log_, nullptr, &view_, &fold_, nullptr}, options, 1, requested_at,
                    &live_, [&](const Status& status) { ended = status; });
    rebuild.Start();
    bool over = false;
    world_.After(time, [&] { over = true; });
    world_.RunUntil([&] { return over || ended.has_value(); }, 100'000);
    applied_ = rebuild.applied();
    return ended;
  }

  std::map<std::string, std::string> Metadata() {
    auto metadata = log_.ShardMetadata({"counting.inbox", 0});
    world_.RunUntil([&] { return metadata.ready(); });
    return *std::move(metadata).Wait();
  }

  SimScheduler world_{1};
  SimProcess process_;
  SimLogStorage storage_;
  SimLog log_;
  SimViewStorage views_;
  SimView view_;
  CountingFold fold_{kService};
  LiveShard live_;
  Offset end_ = 0;
  Offset applied_ = 0;
  Attempt own_attempt_;
};

TEST_F(RebuildTest, SwitchesToAViewThatIsEqual) {
  Append(3);
  live_.meta.applied = end_;
  live_.meta.digest.AddCell("met:person", "", "3");
  const std::optional<Status> ended = RebuildFor(seconds(5));
  ASSERT_TRUE(ended.has_value());
  EXPECT_TRUE(ended->ok()) << ended->ToString();
}

TEST_F(RebuildTest, KeepsALiveViewThatDiffersAndTheLogTellsSo) {
  Append(3);
  live_.meta.applied = end_;
  live_.meta.digest.AddCell("met:person", "", "4");
  const std::optional<Status> ended = RebuildFor(seconds(5));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->reason(), "REBUILD_DIFFERS");
  EXPECT_EQ(Metadata()["rebuilt"], "1");
  EXPECT_EQ(Metadata()["rebuild_differs"], "1");

  live_.meta.digest = Digest();
  live_.meta.digest.AddCell("met:person", "", "3");
  ASSERT_TRUE(RebuildFor(seconds(5)).has_value());
  EXPECT_FALSE(Metadata().contains("rebuild_differs"));
}

TEST_F(RebuildTest, IsTriedAgainWhenTheLiveViewHasFallenBackBehindIt) {
  Append(3);
  // It is built up to the end, and then the live view loses its tail.
  live_.meta.applied = end_ + 5'000;
  EXPECT_FALSE(RebuildFor(seconds(1)).has_value());
  EXPECT_EQ(applied_, end_);
  live_.meta.applied = 1;
  const std::optional<Status> ended = RebuildFor(seconds(5));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->reason(), "VIEW_MOVED");
}

TEST_F(RebuildTest, IsGivenUpWhenItWasBegunAgainAndAgainAndNeverEnded) {
  Append(3);
  live_.meta.applied = end_ + 5'000;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(RebuildFor(seconds(1)).has_value());  // dies with it
  const std::optional<Status> ended = RebuildFor(seconds(5));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->reason(), "REBUILD_KILLS");
  const std::map<std::string, std::string> metadata = Metadata();
  EXPECT_EQ(metadata.at("rebuilt"), "1");
  EXPECT_EQ(metadata.at("drop:2"), "1");
  EXPECT_FALSE(metadata.contains("rebuild_attempt"));
}

TEST_F(RebuildTest, WhatTheProcessItselfAbandonedIsNoUncleanEnd) {
  Append(3);
  live_.meta.applied = end_ + 5'000;
  for (uint32_t i = 0; i < 10; ++i) {
    EXPECT_FALSE(RebuildFor(seconds(1)).has_value());
    own_attempt_ = {1, 1};
  }
}

TEST_F(RebuildTest, WhatWasAbandonedOfAnotherRequestCountsForNothing) {
  Append(3);
  live_.meta.applied = end_ + 5'000;
  EXPECT_FALSE(RebuildFor(seconds(1), 1).has_value());
  own_attempt_ = {1, 1};
  EXPECT_FALSE(RebuildFor(seconds(1), 2).has_value());
  EXPECT_EQ(Metadata().at("rebuild_attempt"), "2 1");
}

}  // namespace
}  // namespace epigrid
