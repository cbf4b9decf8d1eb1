#include "common/crypto/redis_key_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/crypto/key_compactor.h"
#include "common/crypto/key_rewrapper.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

using namespace std::chrono_literals;
using State = PersonKey::State;

// A clock that stands still until it is moved.
class FakeClock final : public Clock {
 public:
  Time Now() const override { return {micros.load()}; }
  std::atomic<int64_t> micros{1'000'000};
};

// testing::Test has a Run of its own.
template <typename T>
T Await(Task<T> task) {
  return Run(std::move(task)).Wait();
}

MasterKeys NewMasterKeys(const std::filesystem::path& file, bool rotate) {
  OpenSslRandom random;
  const Status written =
      rotate ? RotateMasterKeyFile(file, random) : GenerateMasterKeyFile(file, random);
  EPIGRID_CHECK(written.ok(), written.ToString());
  return *MasterKeys::Load(file);
}

class RedisKeyStoreTest : public testing::Test {
 protected:
  std::unique_ptr<RedisKeyStore> NewStore() { return NewStore(master_keys_); }
  std::unique_ptr<RedisKeyStore> NewStore(const MasterKeys& master_keys) {
    return std::make_unique<RedisKeyStore>(redis_, master_keys, random_, clock_,
                                           RedisKeyStoreOptions{});
  }
  std::vector<PersonKey> Create(KeyStore& store, std::vector<std::string> ids) {
    return *Await(store.CreateKeys(std::move(ids)));
  }
  std::vector<PersonKey> Get(KeyStore& store, std::vector<std::string> ids) {
    return *Await(store.GetKeys(std::move(ids)));
  }
  void Erase(KeyStore& store, std::vector<std::string> ids) {
    Result<Done> done = Await(store.Tombstone(std::move(ids)));
    ASSERT_TRUE(done.ok()) << done.status().ToString();
  }
  // Everything that Redis has on disk.
  std::string Disk() const {
    std::stringstream bytes;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(server_.directory())) {
      if (!entry.is_regular_file() || entry.path().filename() == "redis.log") continue;
      bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    }
    return bytes.str();
  }

  RedisServer server_{{.config = {"--appendonly", "yes", "--appendfsync", "always"}}};
  EventLoop loop_{"key-store-test"};
  RedisClient redis_{loop_, {.address = server_.address()}};
  OpenSslRandom random_;
  FakeClock clock_;
  std::filesystem::path key_file_ = server_.directory() / "master.key";
  MasterKeys master_keys_ = NewMasterKeys(key_file_, false);
  std::unique_ptr<RedisKeyStore> store_ = NewStore();
};

TEST_F(RedisKeyStoreTest, AKeyIsCreatedOnceAndIsTheSameEverywhere) {
  const std::vector<PersonKey> created = Create(*store_, {"person_a", "person_b"});
  ASSERT_EQ(created.size(), 2u);
  EXPECT_EQ(created[0].state, State::kPresent);
  EXPECT_FALSE(created[0].key == created[1].key);
  const auto other = NewStore();
  EXPECT_EQ(Create(*other, {"person_a"})[0].key, created[0].key);
  EXPECT_EQ(Get(*other, {"person_b"})[0].key, created[1].key);
  EXPECT_EQ(Get(*NewStore(), {"person_b", "person_a"})[1].key, created[0].key);
}

// A process with a file of its own would take known documents for new ones.
TEST_F(RedisKeyStoreTest, OnlyWhoHasTheRootOfTheFirstMayBegin) {
  EXPECT_TRUE(Await(store_->CheckRoot()).ok());
  EXPECT_TRUE(Await(NewStore()->CheckRoot()).ok());
  const auto stranger = NewStore(NewMasterKeys(key_file_.string() + ".other", false));
  EXPECT_EQ(Await(stranger->CheckRoot()).status().reason(), "MASTER_KEY_ROOT_DIFFERS");
  EXPECT_TRUE(Await(NewStore(NewMasterKeys(key_file_, true))->CheckRoot()).ok());
  EXPECT_EQ(Await(stranger->CheckRoot()).status().reason(), "MASTER_KEY_ROOT_DIFFERS");
}

TEST_F(RedisKeyStoreTest, WhatWasNeverCreatedIsUnknownUntilItIs) {
  const auto reader = NewStore();
  EXPECT_EQ(Get(*reader, {"person_a"})[0].state, State::kUnknown);
  const SecretKey key = Create(*store_, {"person_a"})[0].key;
  EXPECT_EQ(Get(*reader, {"person_a"})[0].key, key);
}

TEST_F(RedisKeyStoreTest, AThousandKeysComeInOneCallEach) {
  std::vector<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.push_back("person_" + std::to_string(i));
  const std::vector<PersonKey> created = Create(*store_, ids);
  const std::vector<PersonKey> found = Get(*NewStore(), ids);
  for (size_t i = 0; i < ids.size(); ++i) ASSERT_EQ(created[i].key, found[i].key) << i;
  EXPECT_TRUE(Create(*store_, {}).empty());
  EXPECT_TRUE(Get(*store_, {}).empty());
}

TEST_F(RedisKeyStoreTest, AnErasedKeyIsGoneForEver) {
  Create(*store_, {"person_a", "person_b"});
  Erase(*store_, {"person_a"});
  Erase(*store_, {"person_a"});
  const auto other = NewStore();
  for (KeyStore* store : {store_.get(), other.get()}) {
    EXPECT_EQ(Get(*store, {"person_a"})[0].state, State::kErased);
    EXPECT_EQ(Create(*store, {"person_a"})[0].state, State::kErased);
    EXPECT_EQ(Get(*store, {"person_b"})[0].state, State::kPresent);
  }
}

TEST_F(RedisKeyStoreTest, ATombstoneMayComeBeforeTheKey) {
  Erase(*store_, {"person_a"});
  EXPECT_EQ(Create(*NewStore(), {"person_a"})[0].state, State::kErased);
}

TEST_F(RedisKeyStoreTest, AnErasureElsewhereIsHeededWhenTheCacheIsOld) {
  Create(*store_, {"person_a"});
  Erase(*NewStore(), {"person_a"});
  clock_.micros += Duration(61s).count();
  EXPECT_EQ(Get(*store_, {"person_a"})[0].state, State::kErased);
}

TEST_F(RedisKeyStoreTest, KeysSurviveACrashOfRedis) {
  const SecretKey key = Create(*store_, {"person_a"})[0].key;
  server_.Kill();
  EXPECT_EQ(Await(NewStore()->GetKeys({"person_a"})).status().reason(), "KEY_STORE_UNAVAILABLE");
  server_.Restart();
  EXPECT_EQ(Get(*NewStore(), {"person_a"})[0].key, key);
}

TEST_F(RedisKeyStoreTest, RotationRewrapsUnderTheNewestKey) {
  const SecretKey key = Create(*store_, {"person_a", "person_c"})[0].key;
  Erase(*store_, {"person_c"});
  const MasterKeys newer = NewMasterKeys(key_file_, true);
  const auto store = NewStore(newer);
  const SecretKey later = Create(*store, {"person_b"})[0].key;
  EXPECT_EQ(Get(*store, {"person_a"})[0].key, key);
  KeyRewrapper rewrapper(*store, loop_,
                         {.pause = Duration(0),
                          .on_progress = [](size_t, size_t) {},
                          .on_failure = [](const Status&) {}});
  EXPECT_EQ(*Await(rewrapper.Count()), 1u);
  EXPECT_EQ(*Await(rewrapper.Rewrap(1)), 1u);
  EXPECT_EQ(*Await(rewrapper.Rewrap(0)), 0u);
  EXPECT_EQ(*Await(rewrapper.Count()), 0u);
  // A process that does not have the newest key says so and does not take the person for erased.
  EXPECT_EQ(Await(NewStore()->GetKeys({"person_a"})).status().reason(), "MASTER_KEY_UNKNOWN");
  const std::vector<PersonKey> found = Get(*NewStore(newer), {"person_a", "person_b", "person_c"});
  EXPECT_EQ(found[0].key, key);
  EXPECT_EQ(found[1].key, later);
  EXPECT_EQ(found[2].state, State::kErased);
}

// A round that was cut short is gone on with by the next, of any instance.
TEST_F(RedisKeyStoreTest, TheWorkerRewrapsWhatItHasCounted) {
  constexpr size_t kKeys = 2'000;  // some pages
  std::vector<std::string> ids;
  for (size_t i = 0; i < kKeys; ++i) ids.push_back("person_" + std::to_string(i));
  const std::vector<PersonKey> keys = Create(*store_, ids);
  const auto store = NewStore(NewMasterKeys(key_file_, true));
  ASSERT_GT(*Await(store->Rewrap(Await(store->Look("0"))->outdated)), 0u);
  std::atomic<size_t> rewrapped = 0, failures = 0;
  std::atomic<size_t> outdated = kKeys;
  KeyRewrapper rewrapper(*store, loop_,
                         {.interval = 1ms,
                          .pause = Duration(0),
                          .on_progress =
                              [&](size_t some, size_t left) {
                                rewrapped += some;
                                outdated = left;
                              },
                          .on_failure = [&](const Status&) { ++failures; }});
  Task<void> work = rewrapper.Run();
  loop_.RunOnLoop([&] { work.Start(); });
  while (outdated != 0) std::this_thread::yield();
  loop_.RunOnLoop([&] { work = {}; });
  EXPECT_EQ(failures, 0u);
  EXPECT_GT(rewrapped, 0u);
  EXPECT_LT(rewrapped, kKeys);
  const std::vector<PersonKey> found = Get(*NewStore(*MasterKeys::Load(key_file_)), ids);
  for (size_t i = 0; i < kKeys; ++i) EXPECT_EQ(found[i].key, keys[i].key);
}

TEST_F(RedisKeyStoreTest, AChangedEntryIsDataLossAndNotAnErasure) {
  Create(*store_, {"person_a", "person_b"});
  Result<Reply> other = redis_.Call({"HGET", "{identity}keys", "person_b"}).Wait();
  ASSERT_TRUE(redis_.Call({"HSET", "{identity}keys", "person_a", other->text}).Wait().ok());
  EXPECT_EQ(Await(NewStore()->GetKeys({"person_a"})).status().code(), Code::kDataLoss);
}

TEST_F(RedisKeyStoreTest, CompactionTakesOldWrappingsOffTheDisk) {
  Create(*store_, {"person_a"});
  const std::string old = redis_.Call({"HGET", "{identity}keys", "person_a"}).Wait()->text;
  const auto store = NewStore(NewMasterKeys(key_file_, true));
  ASSERT_EQ(*Await(store->Rewrap(Await(store->Look("0"))->outdated)), 1u);
  ASSERT_NE(Disk().find(old), std::string::npos);
  KeyCompactor compactor(redis_, loop_, {.on_failure = [](const Status&) {}});
  ASSERT_TRUE(*Await(compactor.Compact()));
  EXPECT_EQ(Disk().find(old), std::string::npos);
}

TEST_F(RedisKeyStoreTest, CompactionTakesAnErasedKeyOffTheDisk) {
  Create(*store_, {"person_a", "person_b"});
  const std::string erased = redis_.Call({"HGET", "{identity}keys", "person_a"}).Wait()->text;
  const std::string kept = redis_.Call({"HGET", "{identity}keys", "person_b"}).Wait()->text;
  KeyCompactor compactor(redis_, loop_, {.on_failure = [](const Status&) {}});
  EXPECT_FALSE(*Await(compactor.Compact()));
  Erase(*store_, {"person_a"});
  ASSERT_NE(Disk().find(erased), std::string::npos);
  Result<bool> compacted = Await(compactor.Compact());
  ASSERT_TRUE(compacted.ok()) << compacted.status().ToString();
  EXPECT_TRUE(*compacted);
  EXPECT_EQ(Disk().find(erased), std::string::npos);
  EXPECT_NE(Disk().find(kept), std::string::npos);
  EXPECT_FALSE(*Await(compactor.Compact()));
}

TEST_F(RedisKeyStoreTest, WhatIsOwedSurvivesACrash) {
  Create(*store_, {"person_a"});
  Erase(*store_, {"person_a"});
  server_.Kill();
  KeyCompactor compactor(redis_, loop_, {.on_failure = [](const Status&) {}});
  EXPECT_EQ(Await(compactor.Compact()).status().reason(), "KEY_STORE_UNAVAILABLE");
  server_.Restart();
  EXPECT_TRUE(*Await(compactor.Compact()));
}

}  // namespace
}  // namespace epigrid
