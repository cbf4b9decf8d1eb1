#include "common/projector/shard_projector.h"

#include <gtest/gtest.h>

#include "tests/fakes/counting_fold.h"
#include "tests/fakes/sim_log.h"
#include "tests/fakes/sim_view.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One owner of one shard, which begins again whenever it ends.
class ShardProjectorTest : public ::testing::Test {
 protected:
  ShardProjectorTest()
      : process_(world_),
        storage_(world_),
        log_(storage_, process_),
        view_(views_, process_),
        producer_(log_.NewProducer()),
        consumer_(log_.NewConsumer()) {
    Begin();
  }

  void Begin() {
    ShardProjectorOptions options;
    options.shard_count = 1;
    projector_ = std::make_unique<ShardProjector>(
        ShardProjectorDependencies{&process_, &log_, producer_.get(), &view_, &fold_, nullptr},
        options,
        ShardProjectorCallbacks{
            .seek = [this](Offset after) { consumer_->Assign({"counting.inbox", 0}, after); },
            .ended = [this](const Status&) { Begin(); },
            .rebuild_requested = {}});
    projector_->Start();
  }
  // Feeds it and lets time pass as a host does, until the condition holds.
  void RunUntil(const std::function<bool()>& condition) {
    while (!condition()) {
      if (!polling_.has_value()) polling_ = consumer_->Poll(milliseconds(100));
      world_.RunUntil([&] { return polling_->ready() || condition(); });
      if (!polling_->ready()) return;
      auto records = std::move(*polling_).Wait();
      polling_.reset();
      for (Polled& each : *records) projector_->Feed(std::move(each.records));
      projector_->TimePasses();
    }
  }
  void RunFor(Duration duration) {
    RunUntil([&, until = world_.Now() + duration] { return world_.Now() >= until; });
  }

  SimScheduler world_{1};
  SimProcess process_;
  SimLogStorage storage_;
  SimLog log_;
  SimViewStorage views_;
  SimView view_;
  CountingFold fold_{"counting"};
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<Consumer> consumer_;
  std::optional<Future<Result<std::vector<Polled>>>> polling_;
  std::unique_ptr<ShardProjector> projector_;
};

TEST_F(ShardProjectorTest, MakesItsViewLiveAgainWhenTheViewForgot) {
  RunUntil([&] { return views_.Live(0) != nullptr; });
  const Offset applied = views_.Live(0)->meta.applied;
  views_.LoseTail(0, 1);
  ASSERT_EQ(views_.Live(0), nullptr) << "a failover that lost the last write";
  EXPECT_EQ(views_.Find(0, 1)->meta.applied, applied);
  RunFor(seconds(12));
  EXPECT_NE(views_.Live(0), nullptr);
}

}  // namespace
}  // namespace epigrid
