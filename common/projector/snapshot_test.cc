#include "common/projector/snapshot.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/projector/memory_view.h"
#include "tests/fakes/counting_fold.h"
#include "tests/fakes/sim_log.h"

namespace epigrid {
namespace {

const TopicShard kSnapshots{"counting.snapshots", 3};

class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() : process_(world_), storage_(world_), log_(storage_, process_) {}

  template <typename T>
  T Get(Task<T> task) {
    Future<T> future = epigrid::Run(std::move(task));
    world_.RunUntil([&] { return future.ready(); });
    return std::move(future).Wait();
  }

  static ShardImage MakeImage(Offset applied) {
    ShardImage image;
    image.Write({CellWrite::Kind::kSet, "a", {}, "1", {}});
    image.Write({CellWrite::Kind::kSet, "large", {}, std::string(1'300'000, 'x'), {}});
    image.Write({CellWrite::Kind::kSet, "without", {}, {}, {}});
    for (int i = 0; i < 3'000; ++i) {
      image.Write({CellWrite::Kind::kSetMember,
                   "members",
                   fmt::format("field{}", i),
                   std::string(500, 'm'),
                   {}});
    }
    image.Write({CellWrite::Kind::kAddToIndex, "index", "one", {}, {}});
    image.Write({CellWrite::Kind::kAddToIndex, "index", "two", {}, {}});
    image.Write({CellWrite::Kind::kSetTimer, {}, "timer", {}, Time{77}});
    image.meta.applied = applied;
    image.meta.fold_version = 1;
    image.meta.shard_time = Time{5'000'000};
    image.meta.quiet = applied - 1;
    image.meta.marks = {{"counting.inbox/1", {7, 2}}, {"other.fact.v1/0", {9, 0}}};
    image.meta.digest = image.Recount();
    return image;
  }

  Status Write(const std::string& id, const ShardImage& image) {
    const std::unique_ptr<Producer> producer = log_.NewProducer();
    return Get(WriteSnapshot(*producer, kSnapshots, id, image));
  }
  std::vector<Snapshot> List() { return *Get(ListSnapshots(log_, kSnapshots)); }

  // What a snapshot holds, or why it cannot be read.
  Result<ShardImage> Read(const Snapshot& snapshot) {
    SnapshotReader reader(log_, kSnapshots, snapshot);
    ShardImage image;
    while (true) {
      Result<std::vector<CellWrite>> writes = Get(reader.Next());
      if (!writes.ok()) return writes.status();
      if (writes->empty()) break;
      for (const CellWrite& write : *writes) image.Write(write);
    }
    image.meta = reader.meta();
    return image;
  }

  SimScheduler world_{1};
  SimProcess process_;
  SimLogStorage storage_;
  SimLog log_;
};

TEST_F(SnapshotTest, IsReadAsItWasWritten) {
  const ShardImage image = MakeImage(40);
  ASSERT_TRUE(Write("one", image).ok());
  const std::vector<Snapshot> all = List();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].complete);
  EXPECT_EQ(all[0].applied, 40u);
  EXPECT_GT(all[0].records, 5u);
  const Result<ShardImage> read = Read(all[0]);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->strings, image.strings);
  EXPECT_EQ(read->hashes, image.hashes);
  EXPECT_EQ(read->indexes, image.indexes);
  EXPECT_EQ(read->timers(), image.timers());
  EXPECT_EQ(read->meta.marks, image.meta.marks);
  EXPECT_EQ(read->meta.digest, image.meta.digest);
  EXPECT_EQ(read->meta.shard_time, image.meta.shard_time);
  EXPECT_EQ(read->meta.quiet, image.meta.quiet);
}

TEST_F(SnapshotTest, AnEmptyStateHasOneToo) {
  ShardImage image;
  image.meta.applied = 7;
  ASSERT_TRUE(Write("empty", image).ok());
  const Result<ShardImage> read = Read(List().at(0));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->meta.applied, 7u);
}

TEST_F(SnapshotTest, OneWithoutItsEndCountsForNothing) {
  ASSERT_TRUE(Write("one", MakeImage(40)).ok());
  const Offset last = List().at(0).last;
  storage_.LoseTail(kSnapshots, last - 1);
  ASSERT_EQ(List().size(), 1u);
  EXPECT_FALSE(List().at(0).complete);
  const CountingFold fold("counting");
  EXPECT_EQ(ChooseSnapshot(List(), fold, 0), nullptr);
}

TEST_F(SnapshotTest, CellsThatHaveAnotherDigestAreFoundOut) {
  ShardImage image = MakeImage(40);
  image.meta.digest.AddCell("never", {}, "there");
  ASSERT_TRUE(Write("one", image).ok());
  EXPECT_EQ(Read(List().at(0)).status().reason(), "SNAPSHOT_CORRUPT");
}

TEST_F(SnapshotTest, TwoWritersDoNotGetIntoEachOthersSnapshots) {
  const std::unique_ptr<Producer> producers[] = {log_.NewProducer(), log_.NewProducer()};
  const ShardImage older = MakeImage(40), newer = MakeImage(50);
  Future<Status> one = epigrid::Run(WriteSnapshot(*producers[0], kSnapshots, "older", older));
  Future<Status> two = epigrid::Run(WriteSnapshot(*producers[1], kSnapshots, "newer", newer));
  world_.RunUntil([&] { return one.ready() && two.ready(); });
  const std::vector<Snapshot> all = List();
  ASSERT_EQ(all.size(), 2u);
  for (const Snapshot& each : all) {
    EXPECT_TRUE(each.complete);
    EXPECT_EQ(Read(each)->meta.applied, each.applied);
  }
}

Snapshot Listed(Offset applied, uint32_t version, Offset first, bool complete, Time written_at) {
  return {fmt::format("{}", first), applied, version, written_at, first, first + 5, 5, complete};
}

// Of version 1, as CountingFold is, and what an older version left it can read.
class ReadingFold final : public CountingFold {
 public:
  using CountingFold::CountingFold;
  bool ReadsStateOf(uint32_t version) const override { return version <= 1; }
};

TEST(ChooseSnapshot, TheNewestCompleteOneOfItsVersionThatTheInboxGoesOnFrom) {
  const ReadingFold fold("counting");
  const std::vector<Snapshot> all = {Listed(10, 1, 1, true, {}), Listed(30, 1, 10, true, {}),
                                     Listed(40, 1, 20, false, {}), Listed(50, 0, 30, true, {})};
  EXPECT_EQ(ChooseSnapshot(all, fold, 0), &all[1]);
  EXPECT_EQ(ChooseSnapshot(all, fold, 30), &all[1]);
  EXPECT_EQ(ChooseSnapshot(all, fold, 31), &all[3]) << "of another version that it reads";
  EXPECT_EQ(ChooseSnapshot(all, fold, 51), nullptr);
  const CountingFold strict("counting");
  EXPECT_EQ(ChooseSnapshot(all, strict, 31), nullptr);
  const std::vector<Snapshot> old = {all[3]};
  EXPECT_EQ(ChooseSnapshot(old, fold, 0), nullptr) << "a changed fold folds the facts, if it can";
}

TEST(SnapshotsFirstKept, WhatGoesFurtherStays) {
  const Time since{100};
  const Snapshot gone = Listed(10, 1, 1, true, {});
  const Snapshot own = Listed(30, 1, 50, true, {});
  EXPECT_EQ(SnapshotsFirstKept({gone, own}, 1, since), 50u);
  EXPECT_EQ(SnapshotsFirstKept({gone}, 2, since), 0u) << "none of its own is complete";
  EXPECT_EQ(SnapshotsFirstKept({gone, Listed(40, 1, 20, false, {}), own}, 1, since), 20u)
      << "being written, and further";
  EXPECT_EQ(SnapshotsFirstKept({gone, Listed(20, 1, 20, false, {}), own}, 1, since), 50u)
      << "never to be needed";
  EXPECT_EQ(SnapshotsFirstKept({Listed(10, 0, 1, true, since), own}, 1, since), 1u)
      << "for who goes back to that version";
  EXPECT_EQ(SnapshotsFirstKept({Listed(90, 2, 1, true, {}), own}, 1, since), 1u);
}

TEST(MemoryView, CountsTheBytesOfWhatItHoldsAndIsBounded) {
  const auto commit = [](MemoryView& view, Offset next, std::vector<CellWrite> writes) {
    GuardedBatch batch;
    batch.prev = view.image().meta.applied;
    batch.next = next;
    batch.writes = std::move(writes);
    return view.Commit(0, std::move(batch)).Wait();
  };
  using Kind = CellWrite::Kind;
  MemoryView view(ShardImage(), /*bytes_max=*/100);
  ASSERT_TRUE(commit(view, 1,
                     {{Kind::kSet, "key", {}, "value", {}},
                      {Kind::kSetMember, "hash", "f", "value", {}},
                      {Kind::kSetMember, "hash", "g", "v", {}},
                      {Kind::kAddToIndex, "index", "id", {}, {}},
                      {Kind::kSetTimer, {}, "timer", {}, Time{1}}})
                  ->applied);
  EXPECT_EQ(view.bytes(), 8u + 10u + 6u + 7u + 5u);
  EXPECT_EQ(MemoryView(view.image(), 100).bytes(), view.bytes());
  EXPECT_FALSE(view.Commit(0, GuardedBatch()).Wait()->applied) << "it is not at 0";
  ASSERT_TRUE(commit(view, 2,
                     {{Kind::kSet, "key", {}, "", {}},
                      {Kind::kDelete, "hash", {}, {}, {}},
                      {Kind::kRemoveFromIndex, "index", "id", {}, {}},
                      {Kind::kDeleteTimer, {}, "timer", {}, {}}})
                  ->applied);
  EXPECT_EQ(view.bytes(), 3u);
  EXPECT_EQ(commit(view, 3, {{Kind::kSet, "key", {}, std::string(98, 'x'), {}}}).status().reason(),
            "AUDIT_TOO_LARGE");
}

}  // namespace
}  // namespace epigrid
