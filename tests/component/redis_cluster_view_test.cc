// The view on a real Redis Cluster of six nodes: the contract, and a projector and its queries
// under load while slots move and primaries are replaced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "common/event_log/redis_leases.h"
#include "common/event_log/redis_streams_log.h"
#include "common/projector/commands.h"
#include "common/projector/emission.h"
#include "common/projector/projector_host.h"
#include "common/projector/redis_view.h"
#include "common/redis/client.h"
#include "common/redis/cluster.h"
#include "common/redis/cluster_map.h"
#include "common/redis/testing/redis_cluster_server.h"
#include "common/service/view_watch.h"
#include "tests/component/view_contract.h"
#include "tests/fakes/counting_fold.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr uint32_t kShards = 8;
constexpr int kHouseholds = 40, kPeople = 50;

void WaitUntil(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + seconds(120);
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "waited for two minutes";
    std::this_thread::yield();
  }
}

// One for all tests of this binary: it takes seconds to form.
RedisClusterServer& Cluster() {
  static RedisClusterServer cluster;
  return cluster;
}

// Again until no node has a key: a primary that stood still in the test before may lose its place
// only now, to a replica that has not followed.
void Empty(RedisClusterServer& cluster) {
  WaitUntil([&] {
    cluster.AwaitInOrder();
    for (size_t i = 0; i < RedisClusterServer::kNodes; ++i) cluster.CallNode(i, {"FLUSHALL"});
    for (size_t i = 0; i < RedisClusterServer::kNodes; ++i) {
      const Reply size = cluster.CallNode(i, {"DBSIZE"});
      if (size.type != Reply::Type::kInteger || size.integer != 0) return false;
    }
    return true;
  });
}

class ClusterViewUnderTest final : public ViewUnderTest {
 public:
  ClusterViewUnderTest() { Empty(Cluster()); }

  RedisView& view() override { return view_; }
  RedisCluster& redis() { return redis_; }
  void RunUntil(const std::function<bool()>& condition) override {
    while (!condition()) std::this_thread::yield();
  }

 private:
  EventLoop loop_{"test"};
  RedisCluster redis_{loop_, {.seeds = Cluster().seeds()}};
  RedisView view_{redis_, ViewKeys("test")};
};

INSTANTIATE_TEST_SUITE_P(RedisCluster, ViewContract,
                         testing::Values(+[]() -> std::unique_ptr<ViewUnderTest> {
                           return std::make_unique<ClusterViewUnderTest>();
                         }));

GuardedBatch FirstBatch(std::vector<CellWrite> writes) {
  GuardedBatch batch;
  batch.generation = 1;
  batch.fold_version = 1;
  batch.next = 1;
  batch.writes = std::move(writes);
  return batch;
}

TEST(ClusterView, DropAndRecountFindWhateverNodeHasIt) {
  ClusterViewUnderTest under_test;
  RedisView& view = under_test.view();
  std::vector<ShardGeneration> old, kept;
  Digest want;
  want.AddCell("a", {}, "1");
  for (Shard shard = 0; shard < 64; ++shard) {
    ASSERT_TRUE(view.Create(shard, 1, 1).Wait().ok());
    ASSERT_TRUE(view.Commit(shard, FirstBatch({{CellWrite::Kind::kSet, "a", {}, "1", {}}}))
                    .Wait()
                    ->applied);
    ASSERT_TRUE(view.Create(shard, 2, 1).Wait().ok());
    old.push_back({shard, 1});
    kept.push_back({shard, 2});
  }
  const auto recounts = view.RecountDigests(old).Wait();
  ASSERT_TRUE(recounts.ok()) << recounts.status().ToString();
  for (const auto& [of, recount] : *recounts) EXPECT_EQ(recount.digest, want) << of.shard;
  ASSERT_TRUE(view.Drop(old).Wait().ok());
  for (Shard shard = 0; shard < 64; ++shard) {
    EXPECT_FALSE(view.Open(shard, 1).Wait()->has_value());
    EXPECT_TRUE(view.Open(shard, 2).Wait()->has_value());
  }
}

// A key that moves from a node that is looked through later to one that was before would be
// overlooked.
TEST(ClusterView, DropWaitsUntilNothingMoves) {
  ClusterViewUnderTest under_test;
  ASSERT_TRUE(under_test.view().Create(7, 1, 1).Wait().ok());
  const uint16_t slot = SlotOfKey(ViewKeys("test").Live(7));
  const size_t from = Cluster().PrimaryOf(slot), to = Cluster().AnotherPrimary(from);
  Cluster().BeginMove(slot, from, to);
  const Result<Done> dropped = under_test.view().Drop({{7, 1}}).Wait();
  EXPECT_THAT(dropped.status().message(), HasSubstr("are being moved"));

  std::atomic<int> waits = 0;
  EventLoop loop("projector");
  RedisCluster redis(loop, {.seeds = Cluster().seeds()});
  RedisView patient(redis, ViewKeys("test"), loop, [&](const Status&) { ++waits; });
  auto waiting = patient.Drop({{7, 1}});
  WaitUntil([&] { return waits > 1; });
  Cluster().MoveKeys(slot, from, to, 10);
  Cluster().EndMove(slot, from, to);
  EXPECT_TRUE(std::move(waiting).Wait().ok());
  EXPECT_FALSE(under_test.view().Open(7, 1).Wait()->has_value());
}

// Also of a replica: each may become a primary.
TEST(ClusterView, ANodeThatEvictsIsNamed) {
  ClusterViewUnderTest under_test;
  EventLoop loop("watch");
  Metrics metrics;
  RedisCluster redis(loop, {.seeds = Cluster().seeds()});
  ShardTable shards(loop, redis, {.seeds = Cluster().seeds()}, {.service = "test"});
  ViewWatch watch("test", loop, redis, shards, metrics, [](std::string_view) {});
  const size_t replica = Cluster().ReplicaOf(Cluster().PrimaryOf(0));
  Cluster().CallNode(replica, {"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  // A replica is named once its primary has heard how far it is.
  Status checked = OkStatus();
  WaitUntil([&] {
    checked = epigrid::Run(watch.CheckPolicy()).Wait();
    return !checked.ok();
  });
  EXPECT_EQ(checked.reason(), "VIEW_EVICTS");
  EXPECT_THAT(checked.message(), HasSubstr(Cluster().node(replica).address().ToString()));
  Cluster().CallNode(replica, {"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  EXPECT_TRUE(epigrid::Run(watch.CheckPolicy()).Wait().ok());
}

class Witness final : public ProjectorObserver {
 public:
  void OnIgnored(Shard, std::string_view reason) override { repeated += reason == "REPEATED"; }
  void OnRestart(Shard, const Status& why) override {
    ++restarts;
    if (why.reason() == "VIEW_MOVED") ++moved;
  }

  std::atomic<size_t> repeated{0}, restarts{0};
  std::atomic<size_t> moved{0};  // restarts because the view was not where it was left
};

// A projector, an API, and clients of both, that go on while a test does something to the cluster.
class ClusterUnderLoadTest : public testing::Test {
 protected:
  void SetUp() override {
    Empty(Cluster());
    ASSERT_TRUE(log_.Open({.shard_count = kShards}).Wait().ok());
    ASSERT_TRUE(api_log_.Open({.shard_count = kShards}).Wait().ok());
    shards_.Start();
    host_->Start();
    WaitUntil([this] {
      for (Shard shard = 0; shard < kShards; ++shard) {
        if (!shards_.Live(shard).ok()) return false;
      }
      return true;
    });
    clients_.emplace_back([this] { Append(); });
    clients_.emplace_back([this] { Read(); });
    clients_.emplace_back([this] { Decide(); });
    AwaitWork();
  }
  void TearDown() override {
    stop_ = true;
    for (std::thread& client : clients_) client.join();
    host_->Stop().Wait();
    shards_.Stop().Wait();
    loop_.RunOnLoop([this] { host_.reset(); });
    RecordProperty("longest_read_ms", static_cast<int>(longest_read_ms_));
  }

  // What is appended is a household that meets a person: one more for each.
  void Append() {
    auto producer = log_.NewProducer();
    while (!stop_) {
      std::vector<NewRecord> records;
      for (int i = 0; i < 20; ++i) {
        const int meeting = appended_ + i;
        const std::string household = "household" + std::to_string(meeting % kHouseholds);
        Envelope envelope;
        envelope.set_schema_version(kSchemaVersion);
        *envelope.add_events() =
            MembershipStated(household, "person" + std::to_string(meeting % kPeople));
        records.push_back({{InboxTopic("counting"), ShardOf(household, kShards)},
                           household,
                           envelope.SerializeAsString()});
      }
      // Counted before, so that no read counts more.
      appended_ += static_cast<int>(records.size());
      const Status appended = producer->Append(std::move(records)).Wait().status();
      EPIGRID_CHECK(appended.ok(), appended.ToString());
      while (!stop_ && appended_ > met_ + 1'000) std::this_thread::sleep_for(milliseconds(1));
    }
  }

  static std::string Household(int i) { return "household" + std::to_string(i); }
  static std::string Person(int i) { return "person" + std::to_string(i); }

  // Reads all there is, again and again, as an API does. Every read must come; what is counted must
  // not become less, unless commits were lost; what was never written must not be there.
  void Read() {
    std::map<std::string, int> seen;
    while (!stop_) {
      std::vector<CellAddress> addresses;
      for (int i = 0; i < kHouseholds; ++i) {
        addresses.push_back({Household(i), "sent:" + Household(i)});
        addresses.push_back({Household(i), "none:" + Household(i)});
      }
      for (int i = 0; i < kPeople; ++i) addresses.push_back({Person(i), "met:" + Person(i)});
      const std::vector<CellAddress> asked = addresses;
      const auto began = std::chrono::steady_clock::now();
      const auto cells = epigrid::Run(cells_.GetMany(std::move(addresses))).Wait();
      const auto took = std::chrono::steady_clock::now() - began;
      longest_read_ms_ =
          std::max(longest_read_ms_.load(), std::chrono::duration_cast<milliseconds>(took).count());
      int met = 0;
      for (size_t i = 0; i < cells.size(); ++i) {
        if (!cells[i].ok()) {
          ADD_FAILURE() << asked[i].cell << ": " << cells[i].status().ToString();
          continue;
        }
        if (asked[i].cell.starts_with("none:")) {
          EXPECT_FALSE(cells[i]->has_value());
          continue;
        }
        const int count = cells[i]->has_value() ? std::stoi(**cells[i]) : 0;
        int& before = seen[asked[i].cell];
        if (count < before) ++falls_;
        before = count;
        if (asked[i].cell.starts_with("met:")) met += count;
      }
      EXPECT_LE(met, appended_.load());
      met_ = met;
      ++reads_;
    }
  }

  // The first text of a person stands, so that the second request shows whether the first was
  // forgotten or made twice.
  void Decide() {
    for (int i = 0; !stop_; ++i) {
      const std::string person = "decided" + std::to_string(i);
      for (const std::string& text : {"first", "second"}) {
        Outcome outcome;
        do {
          const auto decisions =
              epigrid::Run(commands_.Decide({loop_.Now(), "test", "test", ""},
                                            {{person, UpdateRequested(person, text, text)}},
                                            loop_.Now() + seconds(30)))
                  .Wait();
          outcome = decisions[0].outcome;
          // A commit that was told of and lost: who called sends the same again.
          if (outcome.status.reason() == "OUTCOME_UNKNOWN") ++unknown_;
        } while (outcome.status.reason() == "OUTCOME_UNKNOWN" ||
                 outcome.status.reason() == "OUTCOME_PENDING");
        if (text == "first") {
          EXPECT_EQ(outcome.result, "accepted first") << outcome.status.ToString();
        } else {
          EXPECT_EQ(outcome.status.reason(), "TEXT_TAKEN") << outcome.status.ToString();
        }
      }
      ++decided_;
    }
  }

  // Until every client has come some way on.
  void AwaitWork() {
    const int met = met_, reads = reads_, decided = decided_;
    WaitUntil([&] { return met_ > met && reads_ > reads + 1 && decided_ > decided; });
  }
  void AwaitReads(int count) {
    const int reads = reads_;
    WaitUntil([&] { return reads_ >= reads + count; });
  }

  // Nothing was lost, nothing counts twice, and what stands in Redis is what the fold wrote.
  void ExpectWhole() {
    AwaitWork();
    stop_ = true;
    for (std::thread& client : clients_) client.join();
    clients_.clear();
    WaitUntil([this] { return Sum("met:", kPeople) >= appended_; });
    EXPECT_EQ(Sum("sent:", kHouseholds), appended_);
    EXPECT_EQ(Sum("met:", kPeople), appended_);
    for (Shard shard = 0; shard < kShards; ++shard) {
      WaitUntil([&] {
        const auto before = api_view_.Open(shard, 1).Wait();
        const auto recount = api_view_.RecountDigests({{shard, 1}}).Wait();
        const auto after = api_view_.Open(shard, 1).Wait();
        if (!before.ok() || !recount.ok() || !after.ok()) return false;
        if ((*before)->meta.applied != (*after)->meta.applied) return false;
        EXPECT_EQ(recount->at({shard, 1}).digest, (*after)->meta.digest) << "shard " << shard;
        return true;
      });
    }
  }
  void ExpectNothingFoldedAgain() {
    EXPECT_EQ(falls_, 0);
    EXPECT_EQ(unknown_, 0);
    EXPECT_EQ(witness_.restarts, 0u);
    EXPECT_EQ(witness_.repeated, 0u) << "records that were emitted twice";
  }
  int Sum(const std::string& prefix, int of) {
    int sum = 0;
    for (int i = 0; i < of; ++i) {
      const std::string entity = prefix == "met:" ? Person(i) : Household(i);
      const auto cell = epigrid::Run(cells_.Get(entity, prefix + entity)).Wait();
      EXPECT_TRUE(cell.ok()) << cell.status().ToString();
      if (cell.ok() && cell->has_value()) sum += std::stoi(**cell);
    }
    return sum;
  }

  static uint16_t SlotOf(Shard shard) { return SlotOfKey(ViewKeys("counting").Live(shard)); }
  // How often projector and API were answered so.
  int Answered(const std::string& reason) {
    std::lock_guard lock(retries_mutex_);
    return retries_[reason];
  }
  RedisCluster::OnRetry CountRetry() {
    return [this](std::string_view reason) {
      std::lock_guard lock(retries_mutex_);
      ++retries_[std::string(reason)];
    };
  }

  RedisServer log_server_;
  CountingFold fold_{"counting"};
  Witness witness_;
  EventLoop loop_{"projector"}, api_loop_{"api"};

  std::mutex retries_mutex_;
  std::map<std::string, int> retries_;

  RedisCluster redis_{loop_, {.seeds = Cluster().seeds(), .deadline = seconds(5)}, CountRetry()};
  RedisView view_{redis_, ViewKeys("counting"), loop_, nullptr};
  // On a busy machine neither a flush nor a lease runs out of time.
  RedisStreamsLog log_{
      loop_,
      {.redis = {.address = log_server_.address()}, .append_deadline = std::chrono::minutes(1)}};
  RedisClient log_redis_{loop_, {.address = log_server_.address()}};
  RedisLeases leases_{loop_,
                      log_redis_,
                      {.group = "counting",
                       .instance = "one",
                       .shard_count = kShards,
                       .ttl = std::chrono::minutes(1)}};
  std::unique_ptr<ProjectorHost> host_ = std::make_unique<ProjectorHost>(
      loop_, log_, view_, leases_, fold_,
      ProjectorHostOptions{.instance = "one", .configuration = "", .shard_count = kShards},
      &witness_);

  RedisCluster api_redis_{api_loop_, {.seeds = Cluster().seeds()}, CountRetry()};
  RedisView api_view_{api_redis_, ViewKeys("counting")};
  RedisStreamsLog api_log_{api_loop_, {.redis = {.address = log_server_.address()}}};
  ShardTable shards_{api_loop_,
                     api_redis_,
                     {.seeds = Cluster().seeds()},
                     {.service = "counting", .shard_count = kShards, .stale_after = seconds(30)}};
  CellQuery cells_{api_redis_, shards_, seconds(20)};
  CommandLog commands_{api_log_, shards_, cells_, "counting", kShards};

  std::atomic<bool> stop_{false};
  std::atomic<int> appended_{0}, met_{0}, reads_{0}, decided_{0}, falls_{0}, unknown_{0};
  std::atomic<int64_t> longest_read_ms_{0};
  std::vector<std::thread> clients_;
};

TEST_F(ClusterUnderLoadTest, SlotsThatMoveCostTimeAndNothingElse) {
  for (const Shard shard : {Shard{0}, Shard{3}}) {
    const uint16_t slot = SlotOf(shard);
    const size_t from = Cluster().PrimaryOf(slot), to = Cluster().AnotherPrimary(from);
    Cluster().BeginMove(slot, from, to);
    do {
      AwaitReads(1);
    } while (Cluster().MoveKeys(slot, from, to, 4) > 0);
    Cluster().EndMove(slot, from, to);
    AwaitWork();
  }
  ExpectWhole();
  ExpectNothingFoldedAgain();
  for (const char* reason : {"ASK", "TRYAGAIN", "MOVED"}) EXPECT_GT(Answered(reason), 0) << reason;
}

TEST_F(ClusterUnderLoadTest, AFailoverByHandCostsTimeAndNothingElse) {
  const size_t primary = Cluster().PrimaryOf(SlotOf(0));
  Cluster().FailOver(primary);
  AwaitWork();
  Cluster().FailOver(Cluster().AnotherPrimary(Cluster().PrimaryOf(SlotOf(0))));
  ExpectWhole();
  ExpectNothingFoldedAgain();
}

TEST_F(ClusterUnderLoadTest, APrimaryThatIsKilledCostsAReplayAtMost) {
  const size_t primary = Cluster().PrimaryOf(SlotOf(0));
  Cluster().node(primary).Kill();
  AwaitWork();
  Cluster().node(primary).Restart();
  ExpectWhole();
}

// It goes on as a primary for a moment, and its clients' commands with it.
TEST_F(ClusterUnderLoadTest, APrimaryThatStoodStillIsNotBelieved) {
  const size_t primary = Cluster().PrimaryOf(SlotOf(0));
  Cluster().node(primary).Stop();
  AwaitWork();
  Cluster().node(primary).Continue();
  ExpectWhole();
}

TEST_F(ClusterUnderLoadTest, ALostTailIsFoundOutAndFoldedAgain) {
  const size_t primary = Cluster().PrimaryOf(SlotOf(0));
  // Its replica hears nothing more: it cannot come back once its connection is cut.
  Cluster().CallNode(primary, {"CONFIG", "SET", "requirepass", "unknown"});
  Cluster().CallNode(primary, {"CLIENT", "KILL", "TYPE", "replica"});
  AwaitWork();
  Cluster().node(primary).Kill();
  AwaitWork();
  Cluster().node(primary).Restart();
  ExpectWhole();
  EXPECT_GT(witness_.moved, 0u);
}

}  // namespace
}  // namespace epigrid
