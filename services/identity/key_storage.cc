#include "services/identity/key_storage.h"

#include "common/crypto/key_table.h"
#include "common/crypto/log_key_store.h"
#include "common/crypto/redis_key_store.h"

namespace epigrid::identity {
namespace {

const char* const kName = "identity";
const char* const kTopic = "identity.keys";

class RedisKeyStorage final : public KeyStorage {
 public:
  RedisKeyStorage(const StorageConfig& storage, const KeyStorageContext& context)
      : context_(context),
        redis_options_(storage.LogRedis()),
        name_(storage.log_key_prefix + kName),
        keys_(context.loop, *this) {}

  Status Open() override { return Run(keys_.store.CheckRoot()).Wait().status(); }
  void Close() override {}
  DurableKeyStore& store() override { return keys_.store; }
  // By a connection of its own.
  std::shared_ptr<KeyStore> StoreOn(EventLoop& other) override {
    const auto keys = std::make_shared<Keys>(other, *this);
    return {keys, &keys->store};
  }
  std::optional<KeyCompactor> Compactor(KeyCompactorOptions options) override {
    options.name = name_;
    return std::optional<KeyCompactor>(std::in_place, keys_.redis, context_.loop,
                                       std::move(options));
  }

 private:
  struct Keys {
    Keys(EventLoop& loop, const RedisKeyStorage& of)
        : redis(loop, of.redis_options_),
          store(redis, of.context_.master_keys, of.context_.random, of.context_.clock,
                {.name = of.name_}) {}
    RedisClient redis;
    RedisKeyStore store;
  };

  const KeyStorageContext context_;
  const RedisOptions redis_options_;
  const std::string name_;
  Keys keys_;
};

class LogKeyStorage final : public KeyStorage {
 public:
  LogKeyStorage(const StorageConfig& storage, const KeyStorageContext& context)
      : context_(context),
        identity_{.shard_count = storage.shard_count, .topics = {kTopic}},
        log_(storage.MakeLog(context.loop, {kTopic})),
        table_(context.loop, *log_, {.topic = kTopic, .shard_count = storage.shard_count}),
        store_(context.loop, table_, context.master_keys, context.random) {}
  ~LogKeyStorage() override { Close(); }

  Status Open() override {
    if (!open_) {
      EPIGRID_RETURN_IF_ERROR(log_->Open(identity_).Wait().status());
      context_.loop.RunOnLoop([this] { table_.Start(); });
      open_ = true;
    }
    return Run(store_.CheckRoot()).Wait().status();
  }
  void Close() override {
    if (std::exchange(open_, false)) context_.loop.RunOnLoop([this] { table_.Stop(); });
  }
  DurableKeyStore& store() override { return store_; }
  std::shared_ptr<KeyStore> StoreOn(EventLoop& other) override {
    return std::make_shared<LogKeyStore>(other, table_, context_.master_keys, context_.random);
  }
  // The brokers compact the topic.
  std::optional<KeyCompactor> Compactor(KeyCompactorOptions /*options*/) override {
    return std::nullopt;
  }

 private:
  const KeyStorageContext context_;
  const LogIdentity identity_;
  const std::unique_ptr<EventLog> log_;
  KeyTable table_;
  LogKeyStore store_;
  bool open_ = false;
};

}  // namespace

std::unique_ptr<KeyStorage> KeyStorage::Make(const StorageConfig& storage,
                                             const KeyStorageContext& context) {
  if (storage.log_is_kafka()) return std::make_unique<LogKeyStorage>(storage, context);
  return std::make_unique<RedisKeyStorage>(storage, context);
}

}  // namespace epigrid::identity
