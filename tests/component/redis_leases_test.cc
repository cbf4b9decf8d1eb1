// RedisLeases on a real Redis: the contract, and what is its own.
#include "common/event_log/redis_leases.h"

#include "common/redis/testing/redis_server.h"
#include "tests/component/assignment_contract.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint32_t kShards = kAssignedShards;

class LeasesUnderTest final : public AssignmentUnderTest {
 public:
  explicit LeasesUnderTest(RedisServer::Options options = {}) : server_(std::move(options)) {}

  std::unique_ptr<Assignment> Join(EventLoop& loop, const std::string& name,
                                   Duration patience) override {
    RedisOptions redis;
    redis.address = server_.address();
    redis.deadline = patience;
    RedisLeasesOptions options;
    options.group = "test";
    options.instance = name;
    options.shard_count = kShards;
    options.ttl = patience;
    options.key_prefix = "test:";
    return std::make_unique<OwnedLeases>(loop, redis, options);
  }
  void Kill() override { server_.Kill(); }
  Duration Short() const override { return milliseconds(600); }
  RedisServer& server() { return server_; }

 private:
  RedisServer server_;
};

std::unique_ptr<AssignmentUnderTest> MakeLeasesUnderTest() {
  return std::make_unique<LeasesUnderTest>();
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(RedisLeases, AssignmentContract, testing::Values(&MakeLeasesUnderTest));

namespace {

// Long enough that a busy machine does not let a lease run out by accident.
constexpr Duration kLong = seconds(3);
// For tests in which leases run out.
constexpr Duration kShort = milliseconds(600);

TEST(RedisLeases, AShardIsHandedOnOnlyWhenItsOwnerHasStopped) {
  LeasesUnderTest group;
  Instance a(group, "a", kShort);
  WaitUntil([&] { return Shared({&a}); });
  a.BeSlow();
  Instance b(group, "b", kShort);
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

TEST(RedisLeases, AnInstanceThatComesBackUnderItsNameHasItsShardsAtOnce) {
  LeasesUnderTest group;
  constexpr Duration kDay = std::chrono::hours(24);
  auto a = std::make_unique<Instance>(group, "a", kDay);
  WaitUntil([&] { return Shared({a.get()}); });
  a.reset();
  a = std::make_unique<Instance>(group, "a", kDay);
  WaitUntil([&] { return Shared({a.get()}); });
}

TEST(RedisLeases, AnOwnerThatCannotRenewStopsBeforeAnotherMayBegin) {
  LeasesUnderTest group;
  Instance a(group, "a", kShort);
  WaitUntil([&] { return Shared({&a}); });
  group.server().Stop();
  WaitUntil([&] { return a.lost().size() == kShards; });
  EXPECT_THAT(a.working(), testing::IsEmpty());
  group.server().Continue();
  WaitUntil([&] { return Shared({&a}); });
}

TEST(RedisLeases, ALostShardIsNotTakenAgainBeforeItsOwnerHasStopped) {
  LeasesUnderTest group;
  Instance a(group, "a", kShort);
  WaitUntil([&] { return Shared({&a}); });
  a.BeSlow();
  group.server().Stop();
  WaitUntil([&] { return a.held_back() == kShards; });
  group.server().Continue();
  Instance b(group, "b", kShort);
  WaitUntil([&] { return b.working().size() == kShards / 2; });
  EXPECT_THAT(a.working(), testing::IsEmpty());
  a.LetGo();
  WaitUntil([&] { return Shared({&a, &b}); });
}

TEST(RedisLeases, ARedisThatComesBackEmptyIsSharedAnew) {
  LeasesUnderTest group;
  Instance a(group, "a", kShort), b(group, "b", kShort);
  WaitUntil([&] { return Shared({&a, &b}); });
  group.server().Restart();
  WaitUntil([&] {
    const Result<std::map<Shard, std::string>> owners = a.assignment().Owners().Wait();
    return Shared({&a, &b}) && owners.ok() && owners->size() == kShards;
  });
}

TEST(RedisLeases, WorkGoesOnWhenTheServersMemoryIsFull) {
  LeasesUnderTest group({.config = {"--maxmemory", "1"}});
  Instance a(group, "a", kLong), b(group, "b", kLong);
  WaitUntil([&] { return Shared({&a, &b}); });
}

}  // namespace
}  // namespace epigrid
