// KeyStore: a key of their own for every person, under which all that is personal is sealed.
// Erasing a person is erasing that key: what is sealed under it, in the log and in every backup of
// it, can then not be read by anybody.
//
//   EPIGRID_CO_ASSIGN_OR_RETURN(auto keys, co_await store.CreateKeys({person_id}));
//   std::string sealed = Seal(keys[0].key, {.subject = person_id, .purpose = ...}, plaintext, random);
//
// A key is durable before CreateKeys answers, so that nothing is ever sealed under a key that could
// be lost. A person id has one key for ever: it is created once, and a tombstone is never lifted.
//
// All calls take up to kKeysPerCallMax ids, answer in their order, and are safe to repeat. Errors:
// UNAVAILABLE KEY_STORE_UNAVAILABLE (call again), or what MasterKeys::Unwrap says.
//
// Implementations: RedisKeyStore (redis_key_store.h), LogKeyStore (log_key_store.h), and
// testing/memory_key_store.h. Threads: calls may be made from any; Tasks are resumed on the thread
// of the implementation's loop.
#pragma once

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/base/task.h"
#include "common/crypto/secret_key.h"

namespace epigrid {

inline constexpr size_t kKeysPerCallMax = 10'000;

struct PersonKey {
  enum class State : uint8_t {
    kUnknown,  // never created
    kPresent,  // `key` is it
    kErased,   // there is a tombstone
  };
  State state = State::kUnknown;
  SecretKey key;
};

class KeyStore {
 public:
  virtual ~KeyStore() = default;

  // Creates what is missing. A person that has a tombstone is answered as kErased.
  virtual Task<Result<std::vector<PersonKey>>> CreateKeys(std::vector<std::string> person_ids) = 0;
  virtual Task<Result<std::vector<PersonKey>>> GetKeys(std::vector<std::string> person_ids) = 0;
  // Erases the keys for ever, also of ids that have none yet.
  virtual Task<Result<Done>> Tombstone(std::vector<std::string> person_ids) = 0;
};

// What a store that outlives its process can do besides.
class DurableKeyStore : public KeyStore {
 public:
  // To be called once, before anything is read or written: who comes first leaves the mark of its
  // master keys' root, and who has another root is told FAILED_PRECONDITION
  // MASTER_KEY_ROOT_DIFFERS. Such a process would take known documents for new ones, and fold what
  // it cannot open as damaged.
  virtual Task<Result<Done>> CheckRoot() = 0;

  // For KeyRewrapper: some of all keys, and those of them that the newest master key does not wrap.
  // The first cursor is "0", and so is that after the last page.
  struct Wrapped {
    std::string person_id;
    std::string wrapped;
  };
  struct Page {
    std::vector<Wrapped> outdated;
    std::string cursor;
  };
  virtual Task<Result<Page>> Look(std::string cursor) = 0;
  // Wraps these with the newest master key, but for what was erased meanwhile; answers how many.
  virtual Task<Result<size_t>> Rewrap(std::vector<Wrapped> outdated) = 0;
};

}  // namespace epigrid
