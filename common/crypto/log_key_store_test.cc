// LogKeyStore on a real log: the contract, and what is its own.
#include "common/crypto/log_key_store.h"

#include "common/crypto/durable_key_store_contract.h"
#include "common/event_log/redis_streams_log.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

constexpr uint32_t kShards = 4;

// A process: its own log, table and store.
class StoreOfProcess final : public DurableKeyStore {
 public:
  StoreOfProcess(EventLoop& loop, const RedisAddress& address, const MasterKeys& master_keys,
                 RandomSource& random)
      : loop_(loop),
        log_(loop, {.redis = {.address = address}}),
        table_(loop, Opened(log_),
               {.shard_count = kShards, .restate_every = std::chrono::milliseconds(10)}),
        store_(loop, table_, master_keys, random) {
    loop_.RunOnLoop([this] { table_.Start(); });
  }
  ~StoreOfProcess() override {
    loop_.RunOnLoop([this] { table_.Stop(); });
  }

  Task<Result<std::vector<PersonKey>>> CreateKeys(std::vector<std::string> ids) override {
    return store_.CreateKeys(std::move(ids));
  }
  Task<Result<std::vector<PersonKey>>> GetKeys(std::vector<std::string> ids) override {
    return store_.GetKeys(std::move(ids));
  }
  Task<Result<Done>> Tombstone(std::vector<std::string> ids) override {
    return store_.Tombstone(std::move(ids));
  }
  Task<Result<Done>> CheckRoot() override { return store_.CheckRoot(); }
  Task<Result<Page>> Look(std::string cursor) override { return store_.Look(std::move(cursor)); }
  Task<Result<size_t>> Rewrap(std::vector<Wrapped> outdated) override {
    return store_.Rewrap(std::move(outdated));
  }
  KeyTable& table() { return table_; }
  KeyRecord LastRecordOf(const std::string& person_id) {
    const TopicShard shard{"identity.keys", ShardOf(person_id, kShards)};
    KeyRecord record;
    record.ParseFromString(log_.ReadNewest(shard, 1).Wait()->front().value);
    return record;
  }

 private:
  static EventLog& Opened(EventLog& log) {
    LogIdentity identity;
    identity.shard_count = kShards;
    EPIGRID_CHECK(log.Open(identity).Wait().ok(), "the log answers");
    return log;
  }

  EventLoop& loop_;
  RedisStreamsLog log_;
  KeyTable table_;
  LogKeyStore store_;
};

class LogKeysUnderTest final : public DurableKeyStoreUnderTest {
 public:
  std::unique_ptr<DurableKeyStore> NewStore(const MasterKeys& master_keys) override {
    return NewProcess(master_keys);
  }
  std::unique_ptr<StoreOfProcess> NewProcess(const MasterKeys& master_keys) {
    return std::make_unique<StoreOfProcess>(loop(), server_.address(), master_keys, random());
  }
  RedisServer& server() { return server_; }

 private:
  RedisServer server_{{.config = {"--appendonly", "yes", "--appendfsync", "always"}}};
};

std::unique_ptr<DurableKeyStoreUnderTest> MakeLogKeysUnderTest() {
  return std::make_unique<LogKeysUnderTest>();
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(LogKeyStore, DurableKeyStoreContract,
                         testing::Values(&MakeLogKeysUnderTest));

namespace {

class LogKeyStoreTest : public testing::Test {
 protected:
  PersonKey Get(KeyStore& store) { return Await(store.GetKeys({"person_a"}))->front(); }
  Result<Done> Append(KeyTable& table, KeyRecord record) {
    std::vector<KeyTable::Write> writes;
    writes.push_back({"person_a", std::move(record)});
    return Await(table.Put(std::move(writes)));
  }

  LogKeysUnderTest storage_;
  const MasterKeys master_keys_ = NewMasterKeys(storage_.key_file(), false);
};

TEST_F(LogKeyStoreTest, AnErasureElsewhereIsHeededAtOnceByWhoReads) {
  const auto one = storage_.NewProcess(master_keys_), other = storage_.NewProcess(master_keys_);
  ASSERT_TRUE(Await(one->CreateKeys({"person_a"})).ok());
  ASSERT_EQ(Get(*other).state, State::kPresent);
  ASSERT_TRUE(Await(one->Tombstone({"person_a"})).ok());
  ASSERT_TRUE(Await(other->table().CatchUp({"person_a"})).ok());
  EXPECT_EQ(Get(*other).state, State::kErased);
}

// Two processes that create at the same moment, and one that rewraps what is being erased: the log
// has the loser's record last, and a compacted log would keep that one alone.
TEST_F(LogKeyStoreTest, WhatCameTooLateChangesNothingAndIsWrittenOver) {
  const auto one = storage_.NewProcess(master_keys_);
  const SecretKey key = Await(one->CreateKeys({"person_a"}))->front().key;
  const std::string stands = *one->table().Find("person_a");
  KeyRecord late;
  late.set_wrapped(
      master_keys_.Wrap(SecretKey::Random(storage_.random()), "person_a", storage_.random()));
  ASSERT_TRUE(Append(one->table(), late).ok());
  EXPECT_EQ(Get(*one).key, key);
  EXPECT_EQ(Get(*storage_.NewProcess(master_keys_)).key, key);
  while (one->LastRecordOf("person_a").wrapped() != stands) std::this_thread::yield();
}

TEST_F(LogKeyStoreTest, ARewrappingOfWhatWasErasedIsWrittenOverByTheErasure) {
  const auto one = storage_.NewProcess(master_keys_);
  ASSERT_TRUE(Await(one->CreateKeys({"person_a"})).ok());
  KeyRecord late;
  late.set_replaces(*one->table().Find("person_a"));
  late.set_wrapped("whatever");
  ASSERT_TRUE(Await(one->Tombstone({"person_a"})).ok());
  ASSERT_TRUE(Append(one->table(), late).ok());
  EXPECT_EQ(Get(*one).state, State::kErased);
  while (!one->LastRecordOf("person_a").erased()) std::this_thread::yield();
}

TEST_F(LogKeyStoreTest, ALogThatDoesNotAnswerIsNoUnknownPerson) {
  const auto one = storage_.NewProcess(master_keys_);
  ASSERT_TRUE(Await(one->CreateKeys({"person_a"})).ok());
  storage_.server().Kill();
  EXPECT_EQ(Get(*one).state, State::kPresent) << "from memory";
  EXPECT_EQ(Await(one->GetKeys({"person_b"})).status().reason(), "KEY_STORE_UNAVAILABLE");
  EXPECT_EQ(Await(one->CreateKeys({"person_b"})).status().reason(), "KEY_STORE_UNAVAILABLE");
  storage_.server().Restart();
  while (!Await(one->CreateKeys({"person_b"})).ok()) std::this_thread::yield();
}

}  // namespace
}  // namespace epigrid
