// The simulation's view: the contract, the same answers as RedisView on real Redis, and its faults.
#include "tests/fakes/sim_view.h"

#include <fmt/format.h>

#include <thread>

#include "common/projector/redis_view.h"
#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"
#include "tests/component/view_contract.h"

namespace epigrid {
namespace {

class SimViewUnderTest final : public ViewUnderTest {
 public:
  SimViewUnderTest() : world_(1), process_(world_), view_(storage_, process_) {}

  View& view() override { return view_; }
  SimViewStorage& storage() { return storage_; }
  SimScheduler& world() { return world_; }
  void RunUntil(const std::function<bool()>& condition) override { world_.RunUntil(condition); }
  template <typename T>
  T Get(Future<T> future) {
    RunUntil([&] { return future.ready(); });
    return std::move(future).Wait();
  }

 private:
  SimScheduler world_;
  SimProcess process_;
  SimViewStorage storage_;
  SimView view_;
};

INSTANTIATE_TEST_SUITE_P(Sim, ViewContract,
                         testing::Values(+[]() -> std::unique_ptr<ViewUnderTest> {
                           return std::make_unique<SimViewUnderTest>();
                         }));

// --- the same answers as RedisView

std::string Describe(const std::optional<Time>& due) {
  return due.has_value() ? std::to_string(due->micros) : "none";
}
std::string Describe(Done) { return "done"; }
std::string Describe(bool yes) { return yes ? "yes" : "no"; }
std::string Describe(const std::optional<Generation>& live) {
  return live.has_value() ? std::to_string(*live) : "none";
}
std::string Describe(const Committed& committed) {
  return fmt::format("{} next due {}", Describe(committed.applied), Describe(committed.next_due));
}
std::string Describe(const std::optional<View::Opened>& opened) {
  if (!opened.has_value()) return "none";
  const ShardMeta& meta = opened->meta;
  std::string text = fmt::format(
      "fold {} applied {} time {} quiet {} digest {} attempt {} {} due {}", meta.fold_version,
      meta.applied, meta.shard_time.micros, meta.quiet, meta.digest.ToHex(), meta.attempt_offset,
      meta.attempt_count, Describe(opened->next_due));
  for (const auto& [key, mark] : meta.marks) {
    text += fmt::format(" {}={}-{}", key, mark.offset, mark.index);
  }
  return text;
}
std::string Describe(const ViewRead& read) {
  std::string text = fmt::format("at {}", read.applied);
  for (const CellFound& found : read.found) {
    text += found.value.has_value() ? " '" + *found.value + "'" : " -";
    for (const auto& [field, value] : found.members) text += fmt::format(" {}:{}", field, value);
    for (const Timer& timer : found.timers) {
      text += fmt::format(" {}@{}", timer.id, timer.due.micros);
    }
  }
  return text;
}

// Makes the same random call on any view, given that the generator is in the same state.
class RandomCaller {
 public:
  RandomCaller(uint64_t seed, View& view, ViewUnderTest& runner)
      : random_(seed), view_(view), runner_(runner) {}

  std::string Call() {
    const auto shard = static_cast<Shard>(random_.Below(2));
    const Generation generation = 1 + random_.Below(2);
    switch (random_.Below(12)) {
      case 0: return Get(view_.Create(shard, generation, 3));
      case 1: return Get(view_.SetLive(shard, generation, RandomOffset(shard)));
      case 2: return Get(view_.Live(shard));
      case 3:
        return Get(view_.SetAttempt(shard, generation, random_.Next(),
                                    static_cast<uint32_t>(random_.Below(9))));
      case 4:
        if (random_.Chance(0.8)) return Get(view_.Open(shard, generation));
        return Get(view_.Drop({{shard, generation}}));
      case 5:
      case 6:
      case 7: return Get(view_.Read(shard, generation, RandomReads()));
      default: return Get(view_.Commit(shard, RandomBatch(shard, generation)));
    }
  }

 private:
  template <typename T>
  std::string Get(Future<Result<T>> future) {
    runner_.RunUntil([&] { return future.ready(); });
    const Result<T> result = std::move(future).Wait();
    return result.ok() ? Describe(*result) : result.status().ToString();
  }
  std::string Name(const char* kind) { return fmt::format("{}{}", kind, random_.Below(4)); }
  Offset RandomOffset(Shard shard) {
    return random_.Chance(0.85) ? applied_[shard] : random_.Below(20);
  }

  std::vector<CellRead> RandomReads() {
    std::vector<CellRead> reads;
    for (uint64_t count = random_.Below(6); count > 0; --count) {
      switch (random_.Below(3)) {
        case 0: reads.push_back({CellRead::Kind::kString, Name("s"), {}, {}}); break;
        case 1: reads.push_back({CellRead::Kind::kMember, Name("h"), Name("f"), {}}); break;
        default: reads.push_back({CellRead::Kind::kMembers, Name("h"), {}, {}});
      }
    }
    if (random_.Chance(0.5)) {
      const auto until = static_cast<int64_t>(random_.Below(100));
      reads.insert(reads.begin() + static_cast<std::ptrdiff_t>(random_.Below(reads.size() + 1)),
                   {CellRead::Kind::kTimers, {}, {}, Time{until}});
    }
    return reads;
  }

  CellWrite RandomWrite() {
    const std::string value =
        random_.Chance(0.1) ? "" : std::string(3, static_cast<char>(random_.Below(256)));
    switch (random_.Below(8)) {
      case 0:
      case 1: return {CellWrite::Kind::kSet, Name("s"), {}, value, {}};
      case 2: return {CellWrite::Kind::kDelete, Name(random_.Chance(0.5) ? "h" : "s"), {}, {}, {}};
      case 3: return {CellWrite::Kind::kSetMember, Name("h"), Name("f"), value, {}};
      case 4: return {CellWrite::Kind::kDeleteMember, Name("h"), Name("f"), {}, {}};
      case 5:
        return {
            random_.Chance(0.6) ? CellWrite::Kind::kAddToIndex : CellWrite::Kind::kRemoveFromIndex,
            Name("i"),
            Name("m"),
            {},
            {}};
      case 6:
        return {CellWrite::Kind::kSetTimer,
                {},
                Name("t"),
                {},
                Time{static_cast<int64_t>(1 + random_.Below(99))}};
      default: return {CellWrite::Kind::kDeleteTimer, {}, Name("t"), {}, {}};
    }
  }

  GuardedBatch RandomBatch(Shard shard, Generation generation) {
    GuardedBatch batch;
    batch.generation = generation;
    batch.fold_version = random_.Chance(0.95) ? 3 : 4;
    batch.prev = RandomOffset(shard);
    batch.next = batch.prev + 1 + random_.Below(3);
    batch.shard_time = Time{static_cast<int64_t>(random_.Below(1'000))};
    batch.quiet = random_.Below(1'000);
    batch.digest = {random_.Next(), random_.Next()};
    if (random_.Chance(0.3)) {
      batch.marks[Name("a.inbox/")] = {random_.Below(99), static_cast<uint32_t>(random_.Below(9))};
    }
    for (uint64_t count = random_.Below(8); count > 0; --count) {
      batch.writes.push_back(RandomWrite());
    }
    applied_[shard] = batch.next;  // a guess, which is often right
    return batch;
  }

  SimRandom random_;
  View& view_;
  ViewUnderTest& runner_;
  std::map<Shard, Offset> applied_;
};

Digest RecountDigest(RedisView& view, ShardGeneration of) {
  return view.RecountDigests({of}).Wait()->at(of).digest;
}

TEST(SimView, AnswersLikeRedis) {
  class Spinning final : public ViewUnderTest {
   public:
    explicit Spinning(View& view) : view_(view) {}
    View& view() override { return view_; }
    void RunUntil(const std::function<bool()>& condition) override {
      while (!condition()) std::this_thread::yield();
    }

   private:
    View& view_;
  };
  RedisServer server;
  EventLoop loop("test");
  RedisClient redis(loop, {.address = server.address()});
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    RedisView redis_view(redis, ViewKeys("service" + std::to_string(seed)));
    Spinning spinning(redis_view);
    SimViewUnderTest sim;
    RandomCaller on_redis(seed, redis_view, spinning);
    RandomCaller on_sim(seed, sim.view(), sim);
    for (int call = 0; call < 300; ++call) {
      ASSERT_EQ(on_sim.Call(), on_redis.Call()) << "seed " << seed << " call " << call;
    }
    for (Shard shard = 0; shard < 2; ++shard) {
      for (Generation generation = 1; generation <= 2; ++generation) {
        const ShardImage* found = sim.storage().Find(shard, generation);
        if (found == nullptr) continue;
        EXPECT_EQ(found->Recount(), RecountDigest(redis_view, {shard, generation}));
      }
    }
  }
}

// --- its faults

GuardedBatch Batch(Offset prev, Offset next, const std::string& value) {
  GuardedBatch batch;
  batch.generation = 1;
  batch.fold_version = 1;
  batch.prev = prev;
  batch.next = next;
  batch.shard_time = Time{static_cast<int64_t>(next)};
  batch.marks["a.inbox/0"] = {next, 0};
  batch.writes = {{CellWrite::Kind::kSet, "s", {}, value, {}},
                  {CellWrite::Kind::kSetMember, "h", value, value, {}},
                  {CellWrite::Kind::kSetTimer, {}, "t", {}, Time{static_cast<int64_t>(next)}}};
  return batch;
}

TEST(SimView, LosesItsLastWritesAndNothingElse) {
  SimViewUnderTest under_test;
  View& view = under_test.view();
  ASSERT_TRUE(under_test.Get(view.Create(0, 1, 1)).ok());
  std::vector<std::string> states;
  for (Offset offset = 0; offset < 10; ++offset) {
    ASSERT_TRUE(
        under_test.Get(view.Commit(0, Batch(offset, offset + 1, std::to_string(offset))))->applied);
    states.push_back(Describe(*under_test.Get(view.Open(0, 1))) +
                     under_test.storage().Find(0, 1)->Recount().ToHex());
  }
  under_test.storage().LoseTail(0, 1);
  under_test.storage().LoseTail(0, 3);
  EXPECT_EQ(Describe(*under_test.Get(view.Open(0, 1))) +
                under_test.storage().Find(0, 1)->Recount().ToHex(),
            states[5]);
  under_test.storage().LoseAll(0);
  EXPECT_FALSE(under_test.Get(view.Open(0, 1))->has_value());
}

TEST(SimView, FailsAlsoAfterABatchWasApplied) {
  SimViewUnderTest under_test;
  View& view = under_test.view();
  ASSERT_TRUE(under_test.Get(view.Create(0, 1, 1)).ok());
  under_test.storage().link.lost_answer = 1;
  const auto committed = under_test.Get(view.Commit(0, Batch(0, 1, "a")));
  EXPECT_EQ(committed.status().reason(), "VIEW_UNAVAILABLE");
  under_test.world().RunUntil([&] { return under_test.storage().Find(0, 1)->meta.applied == 1; });
  under_test.storage().link.lost_answer = 0;
  under_test.storage().link.lost_request = 1;
  EXPECT_FALSE(under_test.Get(view.Commit(0, Batch(1, 2, "b"))).ok());
  while (under_test.world().Step()) continue;
  EXPECT_EQ(under_test.storage().Find(0, 1)->meta.applied, 1u);
}

}  // namespace
}  // namespace epigrid
