// The view is lost at each moment of a rebuild in turn: its owner, who is alone, goes on.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/projector/emission.h"
#include "common/projector/shard_projector.h"
#include "tests/fakes/counting_fold.h"
#include "tests/simulation/sim_service.h"

namespace epigrid {
namespace {

constexpr char kService[] = "counting";
const TopicShard kInbox{"counting.inbox", 0};

class LostViewTest : public ::testing::Test {
 protected:
  // The owner of the only shard, whose view is lost `steps` steps after a rebuild was asked for.
  // Returns whether the rebuild was under way until then.
  bool LoseViewAfter(uint64_t steps) {
    SimScheduler world(1);
    SimLogStorage storage(world);
    SimViewStorage views;
    ProjectorHostOptions options;
    options.instance = "one";
    options.shard_count = 1;
    auto owner = std::make_unique<SimInstance>(world, storage, views,
                                               std::make_unique<CountingFold>(kService), options,
                                               Duration(), nullptr);
    auto producer = owner->log.NewProducer();
    const auto append = [&](Event event) {
      Envelope envelope;
      envelope.set_schema_version(kSchemaVersion);
      *envelope.add_events() = std::move(event);
      auto appended = producer->Append({{kInbox, "", envelope.SerializeAsString()}});
      world.RunUntil([&] { return appended.ready(); });
    };
    const auto at_end = [&] {
      const ShardImage* live = views.Live(0);
      return live != nullptr && live->meta.applied == storage.shard(kInbox).end;
    };
    for (int i = 0; i < 20; ++i) append(MembershipStated(fmt::format("home{}", i), "person"));
    world.RunUntil(at_end, 1'000'000);
    Event request;
    request.mutable_rebuild_requested()->set_rebuild_id("rebuild");
    append(request);
    uint64_t step = 0;
    world.RunUntil([&] { return ++step > steps; });
    const bool served = storage.metadata(kInbox).contains(std::string(kRebuiltField));
    views.LoseAll(0);
    append(MembershipStated("home", "person"));
    world.RunUntil(
        [&] { return at_end() && storage.metadata(kInbox).contains(std::string(kRebuiltField)); },
        1'000'000);
    producer.reset();
    owner.reset();
    while (world.Step()) {
    }
    return !served;
  }
};

TEST_F(LostViewTest, ItsOwnerGoesOn) {
  uint64_t steps = 0;
  while (LoseViewAfter(steps)) ++steps;
  EXPECT_GT(steps, 50u);  // a rebuild has many moments
}

}  // namespace
}  // namespace epigrid
