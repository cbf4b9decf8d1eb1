// KeyCache: the keys used lately, unwrapped. It is bounded in number, and in age, since another
// instance may erase a key: an erasure is heeded everywhere within `age_max`. Tombstones are final
// and do not age. Thread-safe.
#pragma once

#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/base/clock.h"
#include "common/crypto/key_store.h"

namespace epigrid {

class KeyCache {
 public:
  KeyCache(size_t entries_max, Duration age_max) : entries_max_(entries_max), age_max_(age_max) {}

  std::optional<PersonKey> Find(const std::string& person_id, Time now);
  // What is unknown is not kept: it may be created at any moment. A tombstone is not replaced.
  void Put(const std::string& person_id, const PersonKey& key, Time now);
  size_t size() const;

 private:
  struct Entry {
    std::string person_id;
    PersonKey key;
    Time read_at;
  };

  const size_t entries_max_;
  const Duration age_max_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the one used last in front
  std::unordered_map<std::string, std::list<Entry>::iterator> by_id_;
};

}  // namespace epigrid
