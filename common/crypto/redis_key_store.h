// RedisKeyStore: keys in the Redis that holds the log, which fsyncs before it answers (appendfsync
// always).
//
//   {<name>}keys         hash: person id to its key, wrapped by a master key, or to "erased"
//   {<name>}compaction   hash: erasures and rewrappings counted ("wanted"), and those that the AOF was rewritten
//                        after ("done")
//   {<name>}root         the keyed hash by which CheckRoot knows the root of the master keys
//
// A tombstone takes the wrapped key out of Redis's memory, and so does another wrapping;
// KeyCompactor (key_compactor.h) then has the AOF rewritten, so that it leaves the disk as well.
//
// Life cycle: on a RedisClient that outlives it and all its calls. Threads: as KeyStore says; the
// client's loop.
#pragma once

#include <string>

#include "common/base/scheduler.h"
#include "common/crypto/key_cache.h"
#include "common/crypto/key_store.h"
#include "common/crypto/master_key.h"
#include "common/redis/client.h"

namespace epigrid {

struct RedisKeyStoreOptions {
  std::string name = "identity";  // in front of its keys, after what else the Redis is shared with
  Duration deadline = std::chrono::seconds(2);  // of one call to Redis
  size_t cache_entries_max = 200'000;           // about 250 bytes each
  Duration cache_age_max =
      std::chrono::minutes(1);  // within which another instance's erasure is heeded
};

class RedisKeyStore final : public DurableKeyStore {
 public:
  RedisKeyStore(RedisClient& redis, MasterKeys master_keys, RandomSource& random,
                const Clock& clock, RedisKeyStoreOptions options);

  Task<Result<std::vector<PersonKey>>> CreateKeys(std::vector<std::string> person_ids) override;
  Task<Result<std::vector<PersonKey>>> GetKeys(std::vector<std::string> person_ids) override;
  Task<Result<Done>> Tombstone(std::vector<std::string> person_ids) override;

  Task<Result<Done>> CheckRoot() override;
  Task<Result<Page>> Look(std::string cursor) override;
  Task<Result<size_t>> Rewrap(std::vector<Wrapped> outdated) override;

 private:
  Result<PersonKey> Read(const std::string& person_id, const Reply& stored);
  Task<Result<Reply>> Call(const RedisScript& script, std::vector<std::string> arguments);

  RedisClient& redis_;
  const MasterKeys master_keys_;
  RandomSource& random_;
  const Clock& clock_;
  const RedisKeyStoreOptions options_;
  const std::vector<std::string> keys_;  // of the scripts
  const RedisScript create_;
  const RedisScript erase_;
  const RedisScript replace_;
  KeyCache cache_;
};

}  // namespace epigrid
