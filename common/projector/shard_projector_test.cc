#include "common/projector/shard_projector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/proto_time.h"
#include "common/projector/emission.h"
#include "common/projector/parking.h"
#include "common/projector/record_folder.h"
#include "epigrid/internal/v1/projector_state.pb.h"
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
        clients_producer_(log_.NewProducer()) {
    Begin();
  }

  void Begin() {
    consumer_ = log_.NewConsumer();
    polling_.reset();
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
      world_.RunUntil([&] { return !polling_.has_value() || polling_->ready() || condition(); });
      if (!polling_.has_value() || !polling_->ready()) continue;
      auto records = std::move(*polling_).Wait();
      polling_.reset();
      if (!records.ok()) continue;
      for (Polled& each : *records) projector_->Feed(std::move(each.records));
      projector_->TimePasses();
    }
  }
  void RunFor(Duration duration) {
    RunUntil([&, until = world_.Now() + duration] { return world_.Now() >= until; });
  }
  // Its process dies, and another begins.
  void Die() {
    projector_.reset();
    Begin();
  }
  // Appends records of one event each, which are folded in one batch; answers their offsets.
  std::vector<Offset> Append(std::vector<Event> events) {
    std::vector<NewRecord> records;
    for (Event& event : events) {
      Envelope envelope;
      envelope.set_schema_version(kSchemaVersion);
      *envelope.mutable_recorded_at() = ToProto(world_.Now());
      *envelope.add_events() = std::move(event);
      records.push_back({{"counting.inbox", 0}, {}, envelope.SerializeAsString()});
    }
    auto appended = clients_producer_->Append(std::move(records));
    world_.RunUntil([&] { return appended.ready(); });
    return *std::move(appended).Wait();
  }
  Offset AppendRecord(const std::string& key, const Envelope& envelope) {
    auto appended =
        clients_producer_->Append({{{"counting.inbox", 0}, key, envelope.SerializeAsString()}});
    world_.RunUntil([&] { return appended.ready(); });
    return std::move(appended).Wait()->front();
  }
  bool Applied(Offset offset) {
    const ShardImage* live = views_.Live(0);
    return live != nullptr && live->meta.applied >= offset;
  }
  // Offsets, as the log has them.
  std::vector<Offset> Parked(std::string_view expected_reason = kParkedCrashed) {
    std::vector<Offset> parked;
    for (const auto& [field, reason] : storage_.metadata({"counting.inbox", 0})) {
      if (!field.starts_with(kParkedPrefix)) continue;
      EXPECT_EQ(reason, expected_reason);
      parked.push_back(std::stoull(field.substr(kParkedPrefix.size())));
    }
    return parked;
  }

  SimScheduler world_{1};
  SimProcess process_;
  SimLogStorage storage_;
  SimLog log_;
  SimViewStorage views_;
  SimView view_;
  CountingFold fold_{"counting"};
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<Producer> clients_producer_;
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

TEST_F(ShardProjectorTest, DeathsWhileTheLogHangsParkNothing) {
  RunUntil([&] { return views_.Live(0) != nullptr; });
  const Offset last = Append({MembershipStated("household", "person")}).back();
  int applied = fold_.times_applied;
  for (int death = 0; death < 20; ++death) {
    // Not before what the batch emits is on its way.
    RunUntil([&] { return fold_.times_applied > applied; });
    storage_.link.frozen = true;
    RunFor(milliseconds(100));
    ASSERT_FALSE(Applied(last));
    applied = fold_.times_applied;
    Die();
    storage_.link.Thaw();
  }
  RunUntil([&] { return Applied(last); });
  EXPECT_EQ(Parked(), std::vector<Offset>());
}

TEST_F(ShardProjectorTest, DeathsAtAnyMomentParkNothing) {
  RunUntil([&] { return views_.Live(0) != nullptr; });
  for (int death = 0; death < 2'000; ++death) {
    Append({MembershipStated("household", "person"), MembershipStated("household", "other"),
            UpdateRequested("person", "text", "request")});
    RunFor(world_.random().Between({}, milliseconds(40)));
    Die();
  }
  const Offset last = Append({MembershipStated("household", "person")}).back();
  RunUntil([&] { return Applied(last); });
  EXPECT_EQ(Parked(), std::vector<Offset>());
}

TEST_F(ShardProjectorTest, RecordThatKillsParksAloneAmongThoseOfItsBatch) {
  RunUntil([&] { return views_.Live(0) != nullptr; });
  std::vector<Event> events(5, MembershipStated("household", "person"));
  events[2] = Registered("poison", "STUCK");
  const std::vector<Offset> offsets = Append(std::move(events));
  int deaths = 0;
  while (!Applied(offsets.back())) {
    RunUntil([&] { return fold_.times_stuck > deaths || Applied(offsets.back()); });
    if (fold_.times_stuck == deaths) break;
    ++deaths;
    Die();
  }
  EXPECT_EQ(Parked(), std::vector<Offset>{offsets[2]});
  EXPECT_LE(deaths, 6);
}

// What waits may change what the timer would do: it fires afterwards.
TEST_F(ShardProjectorTest, ATimerOfAnEntityThatWaitsIsHeldUntilTheRecordIsRetried) {
  RunUntil([&] { return views_.Live(0) != nullptr; });
  const std::vector<Offset> offsets =
      Append({UpdateRequested("poison", "timer:600", "1"),
              UpdateRequested("other", "timer:600", "2"), Registered("poison", "STUCK")});
  while (!Applied(offsets.back())) {
    const int stuck = fold_.times_stuck;
    RunUntil([&] { return fold_.times_stuck > stuck || Applied(offsets.back()); });
    if (fold_.times_stuck > stuck) Die();
  }
  ASSERT_EQ(Parked(), std::vector<Offset>{offsets[2]});
  ASSERT_FALSE(views_.Live(0)->strings.contains("fired:other")) << "it should still be to come";

  RunFor(seconds(700));
  EXPECT_TRUE(views_.Live(0)->strings.contains("fired:other"));
  EXPECT_FALSE(views_.Live(0)->strings.contains("fired:poison"));
  EXPECT_FALSE(views_.Live(0)->timers().contains("poison")) << "no Tick is to come for it";

  std::vector<Event> retry(1);
  retry[0].mutable_unparked()->set_offset(offsets[2]);
  fold_.stuck = false;
  Append(retry);
  RunFor(seconds(5));
  const auto& strings = views_.Live(0)->strings;
  EXPECT_FALSE(strings.contains(std::string(kParkedCell)));
  EXPECT_EQ(strings.at("met:poison"), "1");
  EXPECT_EQ(strings.at("fired:poison"), "1");
  EXPECT_FALSE(views_.Live(0)->hashes.contains(HeldTimersCell("poison")));
  EXPECT_EQ(views_.Live(0)->Recount(), views_.Live(0)->meta.digest);
}

TEST_F(ShardProjectorTest, ParkedRecordsOfOneEntityThatAreRetriedAtOnceAreAllFolded) {
  RunUntil([&] { return views_.Live(0) != nullptr; });
  const Event poison = Registered("poison", "STUCK");
  const std::vector<Offset> offsets = Append({poison, UpdateRequested("poison", "one", "1"), poison,
                                              poison, UpdateRequested("poison", "two", "2")});
  while (!Applied(offsets.back())) {
    const int stuck = fold_.times_stuck;
    RunUntil([&] { return fold_.times_stuck > stuck || Applied(offsets.back()); });
    if (fold_.times_stuck > stuck) Die();
  }
  EXPECT_THAT(Parked(), testing::UnorderedElementsAre(offsets[0], offsets[2], offsets[3]));

  fold_.stuck = false;
  std::vector<Event> retries(3);
  retries[0].mutable_unparked()->set_offset(offsets[0]);
  retries[1].mutable_unparked()->set_offset(offsets[2]);
  retries[2].mutable_unparked()->set_offset(offsets[3]);
  Append(std::move(retries));
  RunFor(seconds(5));
  const auto& strings = views_.Live(0)->strings;
  EXPECT_FALSE(strings.contains(std::string(kParkedCell)));
  EXPECT_EQ(strings.at("met:poison"), "3");
  EXPECT_EQ(strings.at("text:poison"), "one");
  internal::v1::IgnoredEvents ignored;
  ASSERT_TRUE(ignored.ParseFromString(strings.at(std::string(kIgnoredCell))));
  ASSERT_EQ(ignored.events_size(), 1);
  EXPECT_EQ(ignored.events(0).reason(), "TEXT_TAKEN");
  EXPECT_EQ(ignored.events(0).offset(), offsets[4]) << "its own, not that of the retry";
}

TEST_F(ShardProjectorTest, DeathsOfAnotherCauseDoNotFindTheSameRecordInHandEachTime) {
  RunUntil([&] { return views_.Live(0) != nullptr; });
  const Offset last = Append({MembershipStated("household", "person")}).back();
  Die();
  const Time began = world_.Now();
  RunUntil([&] {
    const ShardMeta& meta = views_.Live(0)->meta;
    return meta.attempt_count > 0 && meta.attempt_offset == meta.applied;
  });
  // Something ends the process over and over just when its first batch is in hand.
  const Duration moment = world_.Now() - began;
  for (int death = 0; death < 500; ++death) {
    Die();
    RunFor(moment);
  }
  RunUntil([&] { return Applied(last); });
  EXPECT_EQ(Parked(), std::vector<Offset>());
}

TEST_F(ShardProjectorTest, AnEventOfAnUnknownKindHoldsUpWhomItStatesAndNobodyElse) {
  RunUntil([&] { return views_.Live(0) != nullptr; });
  Envelope batch;
  AddEvent(batch, "key", "home", MembershipStated("home", "person"));
  AddEvent(batch, "key", "new home", OfUnknownKind("x"));
  const Offset parked = AppendRecord("key", batch);
  const Offset last =
      Append({MembershipStated("new home", "person"), MembershipStated("home", "person"),
              MembershipStated("third home", "person")})
          .back();
  RunUntil([&] { return Applied(last); });
  EXPECT_EQ(Parked(kParkedUnknownEvent), std::vector<Offset>{parked});
  const auto& strings = views_.Live(0)->strings;
  EXPECT_FALSE(strings.contains("sent:new home"));
  EXPECT_FALSE(strings.contains("sent:home")) << "it waits for what stands in the same record";
  EXPECT_EQ(strings.at("sent:third home"), "1");
}

}  // namespace
}  // namespace epigrid
