// The contract of Assignment (common/event_log/assignment.h) as tests that every implementation
// passes: one to three instances of a group that join, stop and die.
//
//   class LeasesUnderTest final : public AssignmentUnderTest { ... };
//   INSTANTIATE_TEST_SUITE_P(RedisLeases, AssignmentContract, testing::Values(&MakeLeasesUnderTest));
//
// Include it in one source file of a test binary.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/event_loop.h"
#include "common/event_log/assignment.h"
#include "tests/fakes/wait_until.h"

namespace epigrid {

inline constexpr uint32_t kAssignedShards = 16;

// Where a group's members meet.
class AssignmentUnderTest {
 public:
  virtual ~AssignmentUnderTest() = default;
  // A member whose silence of `patience` others take for its death.
  virtual std::unique_ptr<Assignment> Join(EventLoop& loop, const std::string& name,
                                           Duration patience) = 0;
  // Nobody can be asked any more who is in the group.
  virtual void Kill() = 0;
  // Long enough that a busy machine does not take the living for dead.
  virtual Duration Long() const { return std::chrono::seconds(6); }
  // For tests in which members die.
  virtual Duration Short() const = 0;
};

// An instance as a process has it: its own loop and connection.
class Instance final : public ShardOwner {
 public:
  Instance(AssignmentUnderTest& group, const std::string& name, Duration patience,
           bool start = true)
      : loop_(name), assignment_(group.Join(loop_, name, patience)) {
    if (start) assignment_->Start(this);
  }
  // What is not stopped before is as good as killed: others hear of it when it has been silent.
  ~Instance() override {
    loop_.RunOnLoop([this] {
      for (auto& [shard, promise] : std::exchange(held_back_, {})) promise.Set(Done{});
    });
    assignment_.reset();
  }

  void OnAssigned(Shard shard) override {
    std::lock_guard lock(mutex_);
    EXPECT_TRUE(working_.insert(shard).second) << "assigned twice";
    EXPECT_FALSE(held_back_.contains(shard)) << "assigned before the owner had stopped";
  }

  Future<Done> OnRevoked(Shard shard, Revocation why) override {
    std::lock_guard lock(mutex_);
    EXPECT_EQ(working_.erase(shard), 1u) << "revoked without having been assigned";
    ++revoked_count_;
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
  size_t revoked_count() const {
    std::lock_guard lock(mutex_);
    return revoked_count_;
  }
  size_t held_back() const {
    std::lock_guard lock(mutex_);
    return held_back_.size();
  }
  Assignment& assignment() { return *assignment_; }

 private:
  mutable std::mutex mutex_;
  std::set<Shard> working_;
  std::set<Shard> lost_;
  size_t revoked_count_ = 0;
  std::map<Shard, Promise<Done>> held_back_;
  bool slow_ = false;
  EventLoop loop_;
  std::unique_ptr<Assignment> assignment_;
};

// Whether each shard is worked on by exactly one of them, and each has its even share.
inline bool Shared(std::vector<const Instance*> instances) {
  std::set<Shard> all;
  size_t total = 0;
  for (const Instance* instance : instances) {
    const std::set<Shard> working = instance->working();
    const size_t even = kAssignedShards / instances.size();
    if (working.size() != even && working.size() != even + 1) return false;
    total += working.size();
    all.insert(working.begin(), working.end());
  }
  return total == kAssignedShards && all.size() == kAssignedShards;
}

class AssignmentContract
    : public testing::TestWithParam<std::unique_ptr<AssignmentUnderTest> (*)()> {
 protected:
  std::unique_ptr<AssignmentUnderTest> group_ = GetParam()();
  const Duration long_ = group_->Long();
  const Duration short_ = group_->Short();
};

TEST_P(AssignmentContract, OneInstanceHasAllShards) {
  Instance a(*group_, "a", long_);
  WaitUntil([&] { return Shared({&a}); });
}

TEST_P(AssignmentContract, InstancesThatJoinTakeAnEvenShare) {
  Instance a(*group_, "a", long_);
  WaitUntil([&] { return Shared({&a}); });
  Instance b(*group_, "b", long_);
  WaitUntil([&] { return Shared({&a, &b}); });
  Instance c(*group_, "c", long_);
  WaitUntil([&] { return Shared({&a, &b, &c}); });
  EXPECT_THAT(a.lost(), testing::IsEmpty());
  EXPECT_THAT(b.lost(), testing::IsEmpty());
}

TEST_P(AssignmentContract, InstancesThatStartTogetherShareEvenly) {
  Instance a(*group_, "a", long_), b(*group_, "b", long_), c(*group_, "c", long_);
  WaitUntil([&] { return Shared({&a, &b, &c}); });
}

TEST_P(AssignmentContract, StopReleasesEverythingAtOnce) {
  Instance a(*group_, "a", long_), b(*group_, "b", long_);
  WaitUntil([&] { return Shared({&a, &b}); });
  a.assignment().Stop().Wait();
  EXPECT_THAT(a.working(), testing::IsEmpty());
  EXPECT_THAT(a.lost(), testing::IsEmpty());
  const std::map<Shard, std::string> owners = *b.assignment().Owners().Wait();
  for (const auto& [shard, owner] : owners) EXPECT_EQ(owner, "b") << shard;
  WaitUntil([&] { return Shared({&b}); });
  a.assignment().Stop().Wait();  // again: nothing to do
}

TEST_P(AssignmentContract, StopWaitsForTheOwner) {
  Instance a(*group_, "a", long_);
  WaitUntil([&] { return Shared({&a}); });
  a.BeSlow();
  Future<Done> stopped = a.assignment().Stop();
  WaitUntil([&] { return a.held_back() == kAssignedShards; });
  EXPECT_FALSE(stopped.ready());
  a.LetGo();
  std::move(stopped).Wait();
  EXPECT_THAT(*a.assignment().Owners().Wait(), testing::IsEmpty());
}

TEST_P(AssignmentContract, StopWithoutStartEnds) {
  Instance a(*group_, "a", long_, /*start=*/false);
  a.assignment().Stop().Wait();
}

TEST_P(AssignmentContract, AShardOfAKilledInstanceIsTakenOver) {
  Instance a(*group_, "a", short_);
  auto b = std::make_unique<Instance>(*group_, "b", short_);
  auto c = std::make_unique<Instance>(*group_, "c", short_);
  WaitUntil([&] { return Shared({&a, b.get(), c.get()}); });
  b.reset();
  WaitUntil([&] { return Shared({&a, c.get()}); });
  c.reset();
  WaitUntil([&] { return Shared({&a}); });
}

TEST_P(AssignmentContract, OwnersNamesTheInstanceOfEachShard) {
  Instance a(*group_, "host-1/17", long_), b(*group_, "host 2", long_);
  WaitUntil([&] { return Shared({&a, &b}); });
  const std::map<Shard, std::string> owners = *a.assignment().Owners().Wait();
  ASSERT_EQ(owners.size(), kAssignedShards);
  for (const auto& [shard, owner] : owners) {
    EXPECT_TRUE((owner == "host-1/17" ? a : b).working().contains(shard)) << shard << " " << owner;
  }
  group_->Kill();
  EXPECT_EQ(a.assignment().Owners().Wait().status().reason(), "ASSIGNMENT_UNAVAILABLE");
}

}  // namespace epigrid
