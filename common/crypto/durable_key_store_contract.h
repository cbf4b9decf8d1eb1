// The contract of DurableKeyStore (common/crypto/key_store.h) as tests that every implementation
// passes.
//
// Include it in one source file of a test binary.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/event_loop.h"
#include "common/crypto/key_rewrapper.h"
#include "common/crypto/key_store.h"
#include "common/crypto/master_key.h"
#include "tests/fakes/temporary_directory.h"

namespace epigrid {

using State = PersonKey::State;

// testing::Test has a Run of its own.
template <typename T>
T Await(Task<T> task) {
  return Run(std::move(task)).Wait();
}

inline MasterKeys NewMasterKeys(const std::filesystem::path& file, bool rotate) {
  OpenSslRandom random;
  const Status written =
      rotate ? RotateMasterKeyFile(file, random) : GenerateMasterKeyFile(file, random);
  EPIGRID_CHECK(written.ok(), written.ToString());
  return *MasterKeys::Load(file);
}

// Where keys are kept.
class DurableKeyStoreUnderTest {
 public:
  virtual ~DurableKeyStoreUnderTest() = default;
  // As another process has it.
  virtual std::unique_ptr<DurableKeyStore> NewStore(const MasterKeys& master_keys) = 0;

  EventLoop& loop() { return loop_; }
  RandomSource& random() { return random_; }
  std::filesystem::path key_file() const { return directory_ / "master.key"; }

 private:
  const TemporaryDirectory directory_;
  EventLoop loop_{"key-store-test"};
  OpenSslRandom random_;
};

class DurableKeyStoreContract
    : public testing::TestWithParam<std::unique_ptr<DurableKeyStoreUnderTest> (*)()> {
 protected:
  std::unique_ptr<DurableKeyStore> NewStore() { return NewStore(master_keys_); }
  std::unique_ptr<DurableKeyStore> NewStore(const MasterKeys& master_keys) {
    return storage_->NewStore(master_keys);
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

  std::unique_ptr<DurableKeyStoreUnderTest> storage_ = GetParam()();
  const MasterKeys master_keys_ = NewMasterKeys(storage_->key_file(), false);
  std::unique_ptr<DurableKeyStore> store_ = NewStore();
};

TEST_P(DurableKeyStoreContract, AKeyIsCreatedOnceAndIsTheSameEverywhere) {
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
TEST_P(DurableKeyStoreContract, OnlyWhoHasTheRootOfTheFirstMayBegin) {
  EXPECT_TRUE(Await(store_->CheckRoot()).ok());
  EXPECT_TRUE(Await(NewStore()->CheckRoot()).ok());
  const auto stranger = NewStore(NewMasterKeys(storage_->key_file().string() + ".other", false));
  EXPECT_EQ(Await(stranger->CheckRoot()).status().reason(), "MASTER_KEY_ROOT_DIFFERS");
  EXPECT_TRUE(Await(NewStore(NewMasterKeys(storage_->key_file(), true))->CheckRoot()).ok());
  EXPECT_EQ(Await(stranger->CheckRoot()).status().reason(), "MASTER_KEY_ROOT_DIFFERS");
}

TEST_P(DurableKeyStoreContract, WhatWasNeverCreatedIsUnknownUntilItIs) {
  const auto reader = NewStore();
  EXPECT_EQ(Get(*reader, {"person_a"})[0].state, State::kUnknown);
  const SecretKey key = Create(*store_, {"person_a"})[0].key;
  EXPECT_EQ(Get(*reader, {"person_a"})[0].key, key);
}

TEST_P(DurableKeyStoreContract, AThousandKeysComeInOneCallEach) {
  std::vector<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.push_back("person_" + std::to_string(i));
  const std::vector<PersonKey> created = Create(*store_, ids);
  const std::vector<PersonKey> found = Get(*NewStore(), ids);
  for (size_t i = 0; i < ids.size(); ++i) ASSERT_EQ(created[i].key, found[i].key) << i;
  EXPECT_TRUE(Create(*store_, {}).empty());
  EXPECT_TRUE(Get(*store_, {}).empty());
}

TEST_P(DurableKeyStoreContract, AnErasedKeyIsGoneForEver) {
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

TEST_P(DurableKeyStoreContract, ATombstoneMayComeBeforeTheKey) {
  Erase(*store_, {"person_a"});
  EXPECT_EQ(Create(*NewStore(), {"person_a"})[0].state, State::kErased);
}

TEST_P(DurableKeyStoreContract, RotationRewrapsUnderTheNewestKey) {
  const SecretKey key = Create(*store_, {"person_a", "person_c"})[0].key;
  Erase(*store_, {"person_c"});
  const MasterKeys newer = NewMasterKeys(storage_->key_file(), true);
  const auto store = NewStore(newer);
  const SecretKey later = Create(*store, {"person_b"})[0].key;
  EXPECT_EQ(Get(*store, {"person_a"})[0].key, key);
  KeyRewrapper rewrapper(*store, storage_->loop(),
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
TEST_P(DurableKeyStoreContract, TheWorkerRewrapsWhatItHasCounted) {
  constexpr size_t kKeys = 2'000;  // some pages
  std::vector<std::string> ids;
  for (size_t i = 0; i < kKeys; ++i) ids.push_back("person_" + std::to_string(i));
  const std::vector<PersonKey> keys = Create(*store_, ids);
  const auto store = NewStore(NewMasterKeys(storage_->key_file(), true));
  ASSERT_GT(*Await(store->Rewrap(Await(store->Look("0"))->outdated)), 0u);
  std::atomic<size_t> rewrapped = 0, failures = 0;
  std::atomic<size_t> outdated = kKeys;
  KeyRewrapper rewrapper(*store, storage_->loop(),
                         {.interval = std::chrono::milliseconds(1),
                          .pause = Duration(0),
                          .on_progress =
                              [&](size_t some, size_t left) {
                                rewrapped += some;
                                outdated = left;
                              },
                          .on_failure = [&](const Status&) { ++failures; }});
  Task<void> work = rewrapper.Run();
  storage_->loop().RunOnLoop([&] { work.Start(); });
  while (outdated != 0) std::this_thread::yield();
  storage_->loop().RunOnLoop([&] { work = {}; });
  EXPECT_EQ(failures, 0u);
  EXPECT_GT(rewrapped, 0u);
  EXPECT_LT(rewrapped, kKeys);
  const std::vector<PersonKey> found = Get(*NewStore(*MasterKeys::Load(storage_->key_file())), ids);
  for (size_t i = 0; i < kKeys; ++i) EXPECT_EQ(found[i].key, keys[i].key);
}

}  // namespace epigrid
