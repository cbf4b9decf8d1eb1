#include "common/crypto/redis_key_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/crypto/durable_key_store_contract.h"
#include "common/crypto/key_compactor.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

using namespace std::chrono_literals;

// A clock that stands still until it is moved.
class FakeClock final : public Clock {
 public:
  Time Now() const override { return {micros.load()}; }
  std::atomic<int64_t> micros{1'000'000};
};

class RedisKeysUnderTest final : public DurableKeyStoreUnderTest {
 public:
  std::unique_ptr<DurableKeyStore> NewStore(const MasterKeys& master_keys) override {
    return std::make_unique<RedisKeyStore>(redis_, master_keys, random(), clock_,
                                           RedisKeyStoreOptions{});
  }

 private:
  RedisServer server_{{.config = {"--appendonly", "yes", "--appendfsync", "always"}}};
  RedisClient redis_{loop(), {.address = server_.address()}};
  FakeClock clock_;
};

std::unique_ptr<DurableKeyStoreUnderTest> MakeRedisKeysUnderTest() {
  return std::make_unique<RedisKeysUnderTest>();
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(RedisKeyStore, DurableKeyStoreContract,
                         testing::Values(&MakeRedisKeysUnderTest));

namespace {

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
