// RedisLeases on a real Redis: one to three instances of a group that join, stop, die and stall.
#include "common/event_log/redis_leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <thread>

#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint32_t kShards = 16;

void WaitUntil(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + seconds(60);
  while (!condition()) {
    EPIGRID_CHECK(std::chrono::steady_clock::now() < give_up, "waited for a minute");
    std::this_thread::yield();
  }
}

// An instance as a process has it: its own loop, connection and leases.
class Instance final : public ShardOwner {
 public:
  Instance(const RedisServer& server, const std::string& name, Duration ttl, bool start = true)
      : loop_(name), redis_(loop_, Redis(server, ttl)) {
    RedisLeasesOptions options;
    options.group = "test";
    options.instance = name;
    options.shard_count = kShards;
    options.ttl = ttl;
    options.key_prefix = "test:";
    leases_ = std::make_unique<RedisLeases>(loop_, redis_, options);
    if (start) leases_->Start(this);
  }
  // What is not stopped before is as good as killed: its leases run out.
  ~Instance() override {
    loop_.RunOnLoop([this] {
      for (auto& [shard, promise] : std::exchange(held_back_, {})) promise.Set(Done{});
    });
    leases_.reset();
  }

  void OnAssigned(Shard shard) override {
    std::lock_guard lock(mutex_);
    EXPECT_TRUE(working_.insert(shard).second) << "assigned twice";
    EXPECT_FALSE(held_back_.contains(shard)) << "assigned before the owner had stopped";
  }

  Future<Done> OnRevoked(Shard shard, Revocation why) override {
    std::lock_guard lock(mutex_);
    EXPECT_EQ(working_.erase(shard), 1u) << "revoked without having been assigned";
    if (why == Revocation::kLeaseLost) lost_.insert(shard);
    if (!slow_) return Ready(Done{});
    return held_back_[shard].future();
  }

  // From now on does not say that a shard is released before LetGo.
  void BeSlow() {
    std::lock_guard lock(mutex_);
    slow_ = true;
  }
  void LetGo() {
    std::map<Shard, Promise<Done>> promises;
    {
      std::lock_guard lock(mutex_);
      slow_ = false;
      promises = std::exchange(held_back_, {});
    }
    loop_.RunOnLoop([&] {
      for (auto& [shard, promise] : promises) promise.Set(Done{});
    });
  }

  std::set<Shard> working() const {
    std::lock_guard lock(mutex_);
    return working_;
  }
  std::set<Shard> lost() const {
    std::lock_guard lock(mutex_);
    return lost_;
  }
  size_t held_back() const {
    std::lock_guard lock(mutex_);
    return held_back_.size();
  }
  RedisLeases& leases() { return *leases_; }

 private:
  static RedisOptions Redis(const RedisServer& server, Duration ttl) {
    RedisOptions options;
    options.address = server.address();
    options.deadline = ttl;
    return options;
  }

  mutable std::mutex mutex_;
  std::set<Shard> working_;
  std::set<Shard> lost_;
  std::map<Shard, Promise<Done>> held_back_;
  bool slow_ = false;
  EventLoop loop_;
  RedisClient redis_;
  std::unique_ptr<RedisLeases> leases_;
};

// Whether each shard is worked on by exactly one of them, and each has its even share.
bool Shared(std::vector<const Instance*> instances) {
  std::set<Shard> all;
  size_t total = 0;
  for (const Instance* instance : instances) {
    const std::set<Shard> working = instance->working();
    const size_t even = kShards / instances.size();
    if (working.size() != even && working.size() != even + 1) return false;
    total += working.size();
    all.insert(working.begin(), working.end());
  }
  return total == kShards && all.size() == kShards;
}

// Long enough that a busy machine does not let a lease run out by accident.
constexpr Duration kLong = seconds(3);
// For tests in which leases run out.
constexpr Duration kShort = milliseconds(600);

TEST(RedisLeases, OneInstanceHasAllShards) {
  RedisServer server;
  Instance a(server, "a", kLong);
  WaitUntil([&] { return Shared({&a}); });
}

TEST(RedisLeases, InstancesThatJoinTakeAnEvenShare) {
  RedisServer server;
  Instance a(server, "a", kLong);
  WaitUntil([&] { return Shared({&a}); });
  Instance b(server, "b", kLong);
  WaitUntil([&] { return Shared({&a, &b}); });
  Instance c(server, "c", kLong);
  WaitUntil([&] { return Shared({&a, &b, &c}); });
  EXPECT_THAT(a.lost(), testing::IsEmpty());
  EXPECT_THAT(b.lost(), testing::IsEmpty());
}

TEST(RedisLeases, InstancesThatStartTogetherShareEvenly) {
  RedisServer server;
  Instance a(server, "a", kLong), b(server, "b", kLong), c(server, "c", kLong);
  WaitUntil([&] { return Shared({&a, &b, &c}); });
}

TEST(RedisLeases, AShardIsHandedOnOnlyWhenItsOwnerHasStopped) {
  RedisServer server;
  Instance a(server, "a", kShort);
  WaitUntil([&] { return Shared({&a}); });
  a.BeSlow();
  Instance b(server, "b", kShort);
  WaitUntil([&] { return a.held_back() == kShards / 2; });
  // Many beats later a keeps what it has not released: renewed, so that b gets nothing.
  const auto later = std::chrono::steady_clock::now() + 3 * kShort;
  WaitUntil([&] {
    EXPECT_THAT(b.working(), testing::IsEmpty());
    return std::chrono::steady_clock::now() > later || !b.working().empty();
  });
  a.LetGo();
  WaitUntil([&] { return Shared({&a, &b}); });
  EXPECT_THAT(a.lost(), testing::IsEmpty());
}

TEST(RedisLeases, StopReleasesEverythingAtOnce) {
  RedisServer server;
  Instance a(server, "a", kLong), b(server, "b", kLong);
  WaitUntil([&] { return Shared({&a, &b}); });
  a.leases().Stop().Wait();
  EXPECT_THAT(a.working(), testing::IsEmpty());
  EXPECT_THAT(a.lost(), testing::IsEmpty());
  const std::map<Shard, std::string> owners = *b.leases().Owners().Wait();
  for (const auto& [shard, owner] : owners) EXPECT_EQ(owner, "b") << shard;
  WaitUntil([&] { return Shared({&b}); });
  a.leases().Stop().Wait();  // again: nothing to do
}

TEST(RedisLeases, StopWaitsForTheOwner) {
  RedisServer server;
  Instance a(server, "a", kLong);
  WaitUntil([&] { return Shared({&a}); });
  a.BeSlow();
  Future<Done> stopped = a.leases().Stop();
  WaitUntil([&] { return a.held_back() == kShards; });
  EXPECT_FALSE(stopped.ready());
  a.LetGo();
  std::move(stopped).Wait();
  EXPECT_THAT(*a.leases().Owners().Wait(), testing::IsEmpty());
}

TEST(RedisLeases, StopWithoutStartEnds) {
  RedisServer server;
  Instance a(server, "a", kLong, /*start=*/false);
  a.leases().Stop().Wait();
}

TEST(RedisLeases, AShardOfAKilledInstanceIsTakenOver) {
  RedisServer server;
  Instance a(server, "a", kShort);
  auto b = std::make_unique<Instance>(server, "b", kShort);
  auto c = std::make_unique<Instance>(server, "c", kShort);
  WaitUntil([&] { return Shared({&a, b.get(), c.get()}); });
  b.reset();
  WaitUntil([&] { return Shared({&a, c.get()}); });
  c.reset();
  WaitUntil([&] { return Shared({&a}); });
}

TEST(RedisLeases, AnInstanceThatComesBackUnderItsNameHasItsShardsAtOnce) {
  RedisServer server;
  constexpr Duration kDay = std::chrono::hours(24);
  auto a = std::make_unique<Instance>(server, "a", kDay);
  WaitUntil([&] { return Shared({a.get()}); });
  a.reset();
  a = std::make_unique<Instance>(server, "a", kDay);
  WaitUntil([&] { return Shared({a.get()}); });
}

TEST(RedisLeases, AnOwnerThatCannotRenewStopsBeforeAnotherMayBegin) {
  RedisServer server;
  Instance a(server, "a", kShort);
  WaitUntil([&] { return Shared({&a}); });
  server.Stop();
  WaitUntil([&] { return a.lost().size() == kShards; });
  EXPECT_THAT(a.working(), testing::IsEmpty());
  server.Continue();
  WaitUntil([&] { return Shared({&a}); });
}

TEST(RedisLeases, ALostShardIsNotTakenAgainBeforeItsOwnerHasStopped) {
  RedisServer server;
  Instance a(server, "a", kShort);
  WaitUntil([&] { return Shared({&a}); });
  a.BeSlow();
  server.Stop();
  WaitUntil([&] { return a.held_back() == kShards; });
  server.Continue();
  Instance b(server, "b", kShort);
  WaitUntil([&] { return b.working().size() == kShards / 2; });
  EXPECT_THAT(a.working(), testing::IsEmpty());
  a.LetGo();
  WaitUntil([&] { return Shared({&a, &b}); });
}

TEST(RedisLeases, ARedisThatComesBackEmptyIsSharedAnew) {
  RedisServer server;
  Instance a(server, "a", kShort), b(server, "b", kShort);
  WaitUntil([&] { return Shared({&a, &b}); });
  server.Restart();
  WaitUntil([&] {
    const Result<std::map<Shard, std::string>> owners = a.leases().Owners().Wait();
    return Shared({&a, &b}) && owners.ok() && owners->size() == kShards;
  });
}

TEST(RedisLeases, OwnersNamesTheInstanceOfEachShard) {
  RedisServer server;
  Instance a(server, "host-1/17", kLong), b(server, "host 2", kLong);
  WaitUntil([&] { return Shared({&a, &b}); });
  const std::map<Shard, std::string> owners = *a.leases().Owners().Wait();
  ASSERT_EQ(owners.size(), kShards);
  for (const auto& [shard, owner] : owners) {
    EXPECT_TRUE((owner == "host-1/17" ? a : b).working().contains(shard)) << shard << " " << owner;
  }
  server.Kill();
  EXPECT_EQ(a.leases().Owners().Wait().status().reason(), "ASSIGNMENT_UNAVAILABLE");
}

TEST(RedisLeases, WorkGoesOnWhenTheServersMemoryIsFull) {
  RedisServer server({.config = {"--maxmemory", "1"}});
  Instance a(server, "a", kLong), b(server, "b", kLong);
  WaitUntil([&] { return Shared({&a, &b}); });
}

}  // namespace
}  // namespace epigrid
