// A KeyStore in memory, for tests and simulations of what is sealed: answers at once, and can be
// told to fail. Not thread-safe.
#pragma once

#include <map>

#include "common/crypto/key_store.h"

namespace epigrid {

class MemoryKeyStore final : public KeyStore {
 public:
  explicit MemoryKeyStore(RandomSource& random) : random_(random) {}

  Task<Result<std::vector<PersonKey>>> CreateKeys(std::vector<std::string> person_ids) override {
    if (!available) co_return Down();
    std::vector<PersonKey> keys;
    for (const std::string& person_id : person_ids) {
      PersonKey& key = keys_[person_id];
      if (key.state == PersonKey::State::kUnknown) {
        key = {.state = PersonKey::State::kPresent, .key = SecretKey::Random(random_)};
      }
      keys.push_back(key);
    }
    co_return keys;
  }
  Task<Result<std::vector<PersonKey>>> GetKeys(std::vector<std::string> person_ids) override {
    if (!available) co_return Down();
    std::vector<PersonKey> keys;
    for (const std::string& person_id : person_ids) {
      const auto found = keys_.find(person_id);
      keys.push_back(found == keys_.end() ? PersonKey() : found->second);
    }
    co_return keys;
  }
  Task<Result<Done>> Tombstone(std::vector<std::string> person_ids) override {
    if (!available) co_return Down();
    for (const std::string& person_id : person_ids) {
      keys_[person_id] = {.state = PersonKey::State::kErased, .key = {}};
    }
    co_return Done{};
  }

  bool available = true;

 private:
  static Status Down() { return Unavailable("KEY_STORE_UNAVAILABLE", "told to fail"); }

  RandomSource& random_;
  std::map<std::string, PersonKey> keys_;
};

}  // namespace epigrid
