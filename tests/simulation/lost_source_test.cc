// A topic that a shard is subscribed to cannot be read on: what is told of the shard says so for as
// long as it lasts.
#include <gtest/gtest.h>

#include "tests/fakes/counting_fold.h"
#include "tests/simulation/sim_service.h"

namespace epigrid {
namespace {

constexpr char kTopic[] = "other.member.v1";
const TopicShard kSource{kTopic, 0};

class LostSourceTest : public ::testing::Test {
 protected:
  LostSourceTest() {
    ProjectorHostOptions options;
    options.instance = "one";
    options.shard_count = 1;
    owner_ = std::make_unique<SimInstance>(
        world_, storage_, views_,
        std::make_unique<CountingFold>("counting", std::vector<std::string>{kTopic}), options,
        Duration(), nullptr);
  }
  ~LostSourceTest() override {
    owner_.reset();
    while (world_.Step()) {
    }
  }
  void Publish() {
    Envelope envelope;
    envelope.set_schema_version(kSchemaVersion);
    envelope.add_events()->mutable_membership_changed()->set_person_id("person");
    const auto producer = owner_->log.NewProducer();
    auto appended = producer->Append({{kSource, "person", envelope.SerializeAsString()}});
    world_.RunUntil([&] { return appended.ready(); });
  }
  ProjectedShard Describe() {
    auto snapshot = owner_->host.Snapshot();
    world_.RunUntil([&] { return snapshot.ready(); });
    return std::move(snapshot).Wait().shards.at(0);
  }
  void AwaitState(const std::string& state) {
    for (int steps = 0; Describe().state != state; ++steps) {
      ASSERT_LT(steps, 100'000) << "it is " << Describe().state;
      world_.Step();
    }
  }

  SimScheduler world_{1};
  SimLogStorage storage_{world_};
  SimViewStorage views_;
  std::unique_ptr<SimInstance> owner_;
};

TEST_F(LostSourceTest, TheShardIsStoppedUntilItReadsOn) {
  Publish();
  Publish();
  const Offset read = storage_.shard(kSource).end;
  world_.RunUntil([&] { return storage_.Floor("counting", kSource) == read; }, 1'000'000);
  EXPECT_EQ(Describe().state, "LIVE");

  storage_.LoseTail(kSource, 1);
  AwaitState("STOPPED");
  EXPECT_NE(Describe().problem.find("LOG_CUT_SHORT"), std::string::npos);
  EXPECT_TRUE(Describe().live) << "it folds its inbox";

  storage_.SkipTo(kSource, read);
  AwaitState("LIVE");
  EXPECT_EQ(Describe().problem, "");
}

}  // namespace
}  // namespace epigrid
