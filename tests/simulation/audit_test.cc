// What an audit keeps off the log's cut, and what it finds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/projector/emission.h"
#include "common/projector/snapshot.h"
#include "tests/fakes/counting_fold.h"
#include "tests/simulation/sim_service.h"

namespace epigrid {
namespace {

using std::chrono::seconds;

const TopicShard kInbox{"counting.inbox", 0};
const TopicShard kPublic{"counting.member.v1", 0};

struct Told final : ProjectorObserver {
  void OnAudit(Shard, const Status& status) override {
    status.ok() ? ++well : ++badly;
    if (!status.ok()) why = status;
  }
  void OnAlert(ProjectorAlert alert, Shard, std::string_view) override { alerts.insert(alert); }
  int well = 0, badly = 0;
  Status why;
  std::set<ProjectorAlert> alerts;
};

// One owner of the only shard, who audits it every second.
class AuditTest : public ::testing::Test {
 protected:
  AuditTest() { Start(); }
  ~AuditTest() override {
    producer_.reset();
    owner_.reset();
    while (world_.Step()) {
    }
  }

  void Start() {
    ProjectorHostOptions options;
    options.instance = "one";
    options.shard_count = 1;
    options.audit_interval = seconds(1);
    options.audit.retention = retention_;
    producer_.reset();
    owner_ = std::make_unique<SimInstance>(world_, storage_, views_,
                                           std::make_unique<CountingFold>("counting"), options,
                                           Duration(), &told_);
    producer_ = owner_->log.NewProducer();
  }

  Offset Append(Event event) {
    Envelope envelope;
    envelope.set_schema_version(kSchemaVersion);
    *envelope.add_events() = std::move(event);
    auto appended = producer_->Append({{kInbox, "", envelope.SerializeAsString()}});
    Await([&] { return appended.ready(); });
    return std::move(appended).Wait()->front();
  }
  void Await(const std::function<bool()>& condition) { world_.RunUntil(condition, 10'000'000); }
  void AwaitAudits(int more) {
    const int until = told_.well + more;
    Await([&] { return told_.well >= until; });
  }
  const ShardImage* Live() const { return views_.Live(0); }
  void AwaitApplied(Offset offset) {
    Await([&] { return Live() != nullptr && Live()->meta.applied >= offset; });
  }
  void RunFor(Duration duration) {
    bool passed = false;
    world_.After(duration, [&] { passed = true; });
    Await([&] { return passed; });
  }

  SimScheduler world_{1};
  SimLogStorage storage_{world_};
  SimViewStorage views_;
  Told told_;
  Duration retention_{};
  std::unique_ptr<SimInstance> owner_;
  std::unique_ptr<Producer> producer_;
};

TEST_F(AuditTest, ALostViewBeginsFromTheSnapshotAndNothingIsEmittedAgain) {
  Offset last = 0;
  for (int i = 0; i < 20; ++i) last = Append(MembershipStated(fmt::format("home{}", i), "person"));
  AwaitApplied(last);
  Await([&] { return storage_.shard(kInbox).start >= last; });
  AwaitAudits(2);
  const auto cells = Live()->strings;
  const size_t published = storage_.Ever(kPublic).size();
  views_.LoseAll(0);
  Await([&] { return Live() != nullptr && Live()->meta.applied == storage_.shard(kInbox).end; });
  EXPECT_EQ(Live()->strings, cells);
  EXPECT_EQ(Live()->Recount(), Live()->meta.digest);
  EXPECT_EQ(storage_.Ever(kPublic).size(), published);
  EXPECT_TRUE(told_.alerts.contains(ProjectorAlert::kViewLost));
  EXPECT_FALSE(told_.alerts.contains(ProjectorAlert::kAuditDiffers));
}

TEST_F(AuditTest, AViewOlderThanTheLogBeginsFromTheSnapshot) {
  Offset last = 0;
  for (int i = 0; i < 5; ++i) last = Append(MembershipStated("home", "person"));
  AwaitApplied(last);
  owner_.reset();
  SimViewStorage old = views_;
  Start();
  for (int i = 0; i < 40; ++i) last = Append(MembershipStated("home", "person"));
  AwaitApplied(last);
  Await([&] { return storage_.shard(kInbox).start >= last; });
  const auto cells = Live()->strings;
  producer_.reset();
  owner_.reset();
  while (world_.Step()) {
  }
  views_ = old;
  Start();
  AwaitApplied(storage_.shard(kInbox).end);
  EXPECT_EQ(Live()->strings, cells);
}

TEST_F(AuditTest, AParkedRecordAndWhatFollowsOnItStayUntilItIsRetried) {
  const Offset before = Append(MembershipStated("home", "person"));
  const Offset parked = Append(OfUnknownKind("from tomorrow"));
  Offset last = 0;
  for (int i = 0; i < 10; ++i) last = Append(MembershipStated("home", "person"));
  AwaitApplied(last);
  AwaitAudits(3);
  EXPECT_GE(storage_.shard(kInbox).start, before);
  EXPECT_LT(storage_.shard(kInbox).start, parked);
}

TEST_F(AuditTest, RecordsStayForTheRetention) {
  retention_ = seconds(100);
  Start();
  const Offset old = Append(MembershipStated("home", "person"));
  RunFor(seconds(60));
  const Offset young = Append(MembershipStated("home", "person"));
  AwaitApplied(young);
  EXPECT_EQ(storage_.shard(kInbox).start, 0u);
  Await([&] { return storage_.shard(kInbox).start >= old; });
  AwaitAudits(1);
  EXPECT_LT(storage_.shard(kInbox).start, young);
}

TEST_F(AuditTest, APublicTopicIsCutBehindItsSubscribers) {
  (void)owner_->log.PutShardMetadata(kPublic, "subscriber:slow", "");
  Offset last = 0;
  for (int i = 0; i < 5; ++i) last = Append(MembershipStated("home", "person"));
  AwaitApplied(last);
  Await([&] { return !storage_.shard(kPublic).records.empty(); });
  AwaitAudits(3);
  EXPECT_EQ(storage_.shard(kPublic).start, 0u);
  const Offset copied = storage_.shard(kPublic).records.at(2).offset;
  (void)owner_->log.RaiseFloors("slow", {{kPublic, copied}});
  AwaitAudits(3);
  EXPECT_EQ(storage_.shard(kPublic).start, copied);
}

}  // namespace
}  // namespace epigrid
