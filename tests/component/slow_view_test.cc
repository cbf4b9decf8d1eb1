// A backlog in front of a view that is slow, stands still or goes away: it costs time and nothing
// else. Nothing begins again, and nothing is emitted twice.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/event_log/redis_leases.h"
#include "common/event_log/redis_streams_log.h"
#include "common/projector/emission.h"
#include "common/projector/projector_host.h"
#include "common/projector/redis_view.h"
#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"
#include "tests/fakes/counting_fold.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint32_t kShards = 4;
constexpr int kHouseholds = 50, kPeople = 70;

void WaitUntil(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + seconds(120);
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "waited for two minutes";
    std::this_thread::yield();
  }
}

class Witness final : public ProjectorObserver {
 public:
  void OnBatch(Shard, size_t, size_t events_of_batch, size_t, Duration) override {
    events += events_of_batch;
  }
  void OnIgnored(Shard, std::string_view reason) override { repeated += reason == "REPEATED"; }
  void OnRestart(Shard, const Status&) override { ++restarts; }
  void OnViewWait(const Status&) override { ++view_waits; }
  void OnLook(const ProjectorSnapshot& snapshot) override {
    Duration age{}, lag{};
    for (const ProjectedShard& shard : snapshot.shards) {
      age = std::max(age, shard.event_age);
      lag = std::max(lag, shard.time_lag);
    }
    oldest_micros = age.count();
    lag_micros = lag.count();
  }

  std::atomic<size_t> events{0}, repeated{0}, restarts{0}, view_waits{0};
  std::atomic<int64_t> oldest_micros{0}, lag_micros{0};
};

class SlowViewTest : public ::testing::Test {
 protected:
  // The view's connections are given up after a silence of `silence_max`.
  void Start(Duration silence_max) {
    view_redis_ = std::make_unique<RedisClient>(
        loop_, RedisOptions{.address = view_server_.address(), .deadline = silence_max});
    view_ = std::make_unique<RedisView>(*view_redis_, ViewKeys("counting"), loop_,
                                        [this](const Status& why) { witness_.OnViewWait(why); });
    host_ = std::make_unique<ProjectorHost>(
        loop_, log_, *view_, leases_, fold_,
        ProjectorHostOptions{.instance = "one", .configuration = "", .shard_count = kShards},
        &witness_);
    host_->Start();
  }
  void TearDown() override {
    host_->Stop().Wait();
    loop_.RunOnLoop([this] { host_.reset(); });
  }

  // Each counts for a household, is sent on to a person, counts there and is published.
  void AppendMeetings(int count) {
    auto producer = log_.NewProducer();
    std::vector<NewRecord> records;
    for (int i = 0; i < count; ++i) {
      const std::string household = "household" + std::to_string(i % kHouseholds);
      Envelope envelope;
      envelope.set_schema_version(kSchemaVersion);
      *envelope.add_events() = MembershipStated(household, "person" + std::to_string(i % kPeople));
      records.push_back({{InboxTopic("counting"), ShardOf(household, kShards)},
                         household,
                         envelope.SerializeAsString()});
    }
    ASSERT_TRUE(producer->Append(std::move(records)).Wait().ok());
    appended_ += count;
  }

  size_t Records(const std::string& topic) {
    size_t records = 0;
    for (Shard shard = 0; shard < kShards; ++shard) {
      const auto read = log_.Read({topic, shard}, 0, 1'000'000).Wait();
      EPIGRID_CHECK(read.ok(), read.status().ToString());
      records += read->size();
    }
    return records;
  }
  size_t Published() { return Records(fold_.topic()); }

  // What the view counts, over all that have a cell with this prefix.
  int Counted(const std::string& prefix, int of) {
    int sum = 0;
    for (int i = 0; i < of; ++i) {
      const std::string entity = (prefix == "met:" ? "person" : "household") + std::to_string(i);
      const std::string key =
          ViewKeys("counting").Cell(ShardOf(entity, kShards), 1, prefix + entity);
      const auto reply = looks_.Call({"GET", key}, seconds(60)).Wait();
      EPIGRID_CHECK(reply.ok(), reply.status().ToString());
      if (!reply->is_nil()) sum += std::stoi(reply->text);
    }
    return sum;
  }
  void AwaitAllFolded() {
    WaitUntil([this] { return Counted("met:", kPeople) >= appended_; });
    EXPECT_EQ(Counted("sent:", kHouseholds), appended_);
    EXPECT_EQ(Counted("met:", kPeople), appended_);
  }
  void ExpectNothingTwice() {
    EXPECT_EQ(witness_.restarts, 0u);
    EXPECT_EQ(witness_.repeated, 0u) << "records that were emitted twice";
    EXPECT_EQ(Published(), static_cast<size_t>(appended_));
  }

  RedisServer log_server_;
  RedisServer view_server_{{.config = {"--appendonly", "yes"}}};  // a crash loses nothing
  CountingFold fold_{"counting"};
  Witness witness_;
  EventLoop loop_{"host"};
  RedisClient log_redis_{loop_, {.address = log_server_.address()}};
  RedisClient looks_{loop_, {.address = view_server_.address()}};
  // It is the view that is slow: on a busy machine neither a flush nor a lease runs out of time.
  RedisStreamsLog log_{
      loop_,
      {.redis = {.address = log_server_.address()}, .append_deadline = std::chrono::minutes(1)}};
  RedisLeases leases_{loop_,
                      log_redis_,
                      {.group = "counting",
                       .instance = "one",
                       .shard_count = kShards,
                       .ttl = std::chrono::minutes(1)}};
  const bool opened_ = log_.Open({.shard_count = kShards}).Wait().ok();
  std::unique_ptr<RedisClient> view_redis_;
  std::unique_ptr<RedisView> view_;
  std::unique_ptr<ProjectorHost> host_;
  int appended_ = 0;
};

TEST_F(SlowViewTest, AViewThatStandsStillCostsTimeAndNothingElse) {
  Start(milliseconds(20));
  for (int round = 0; round < 5; ++round) {
    const size_t folded = witness_.events;
    AppendMeetings(2'000);
    WaitUntil([&] { return witness_.events > folded; });
    view_server_.Stop();
    // Connections are given up and made again meanwhile.
    const size_t waits = witness_.view_waits;
    WaitUntil([&] { return witness_.view_waits > waits; });
    view_server_.Continue();
  }
  AwaitAllFolded();
  ExpectNothingTwice();
}

TEST_F(SlowViewTest, AViewThatIsGoneIsToldOfAsLongAsItIs) {
  Start(milliseconds(20));
  AppendMeetings(200);
  AwaitAllFolded();
  view_server_.Kill();
  AppendMeetings(200);
  // What was on its way may be told of once a shard; after that nothing can be sent.
  const size_t waits = witness_.view_waits;
  WaitUntil([&] { return witness_.view_waits > waits + size_t{10} * kShards; });
  for (int look = 0; look < 2; ++look) {
    const int64_t before = witness_.oldest_micros;
    WaitUntil([&] { return witness_.oldest_micros > before; });
  }
  view_server_.Restart();
  AwaitAllFolded();
  ExpectNothingTwice();
  WaitUntil([&] { return witness_.oldest_micros < 1'000'000; });
}

// Also when no record waits: the time of the shard does not go on.
TEST_F(SlowViewTest, AShardWithNothingToDoLagsBehindTheClock) {
  Start(milliseconds(20));
  AppendMeetings(200);
  AwaitAllFolded();
  view_server_.Kill();
  // A tick comes every ten seconds at the latest.
  WaitUntil([&] { return witness_.lag_micros > 12'000'000; });
  view_server_.Restart();
  WaitUntil([&] { return witness_.lag_micros < 12'000'000; });
}

TEST_F(SlowViewTest, AShardThatCannotBeOpenedGrowsOld) {
  view_server_.Kill();
  Start(milliseconds(20));
  WaitUntil([&] { return witness_.oldest_micros > 0; });
  const int64_t before = witness_.oldest_micros;
  WaitUntil([&] { return witness_.oldest_micros > before; });
  EXPECT_GT(witness_.view_waits, 0u);
  view_server_.Restart();
  AppendMeetings(10);
  AwaitAllFolded();
}

TEST_F(SlowViewTest, ABacklogShrinksAtTheViewsPace) {
  Start(milliseconds(20));
  AppendMeetings(4'000);
  // The view answers in small portions, each after a silence in which it is given up.
  EventLoop side("side");
  RedisClient slows(side, {.address = view_server_.address(), .deadline = seconds(60)});
  size_t before = 0;
  while (Counted("met:", kPeople) < appended_) {
    const size_t waits = witness_.view_waits;
    ASSERT_TRUE(slows.Call({"DEBUG", "SLEEP", "0.06"}).Wait().ok());
    WaitUntil([&] { return witness_.view_waits > waits || witness_.events > before; });
    EXPECT_GE(witness_.events, before) << "what is folded is not folded again";
    before = witness_.events;
  }
  AwaitAllFolded();
  ExpectNothingTwice();
}

TEST_F(SlowViewTest, ALostConnectionIsNoEnd) {
  Start(seconds(5));
  while (witness_.view_waits == 0) {
    AppendMeetings(200);
    ASSERT_TRUE(looks_.Call({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}).Wait().ok());
  }
  AwaitAllFolded();
  ExpectNothingTwice();
}

}  // namespace
}  // namespace epigrid
