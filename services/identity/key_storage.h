// KeyStorage: where persons' keys are kept: beside the log. With a log on Redis in that Redis, with
// one on Kafka in a compacted topic of it.
//
// Life cycle: construct, Open, Close, destroy, none of it on the loop's thread. What it gave must
// have gone before it goes. Threads: store() as KeyStore says, on the loop; StoreOn from any.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/event_loop.h"
#include "common/crypto/key_compactor.h"
#include "common/crypto/key_store.h"
#include "common/crypto/master_key.h"
#include "common/service/storage_config.h"

namespace epigrid::identity {

// What every implementation is made with. The references outlive it.
struct KeyStorageContext {
  EventLoop& loop;
  const MasterKeys& master_keys;
  RandomSource& random;
  const Clock& clock;
};

class KeyStorage {
 public:
  static std::unique_ptr<KeyStorage> Make(const StorageConfig& storage,
                                          const KeyStorageContext& context);
  virtual ~KeyStorage() = default;

  // UNAVAILABLE: call again. LOG_MISMATCH and the like, MASTER_KEY_ROOT_DIFFERS.
  virtual Status Open() = 0;
  virtual void Close() = 0;

  virtual DurableKeyStore& store() = 0;
  // The same keys for who lives on another loop.
  virtual std::shared_ptr<KeyStore> StoreOn(EventLoop& other) = 0;
  // What takes erased keys off the disk, on the loop; none where the storage does it by itself.
  virtual std::optional<KeyCompactor> Compactor(KeyCompactorOptions options) = 0;
};

}  // namespace epigrid::identity
