#include "common/crypto/redis_key_store.h"

#include "common/crypto/durable_keys.h"

namespace epigrid {
namespace {

constexpr std::string_view kErased = "erased";
constexpr size_t kScanCount = 500;

// ARGV: id, wrapped key, id, wrapped key, ... Answers what stands there now.
constexpr const char* kCreateScript = R"(
local stored = {}
for i = 1, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) == 1 then
    stored[#stored + 1] = ARGV[i + 1]
  else
    stored[#stored + 1] = redis.call('HGET', KEYS[1], ARGV[i])
  end
end
return stored
)";

// ARGV: the tombstone, id, id, ... Answers how many were no tombstones before.
constexpr const char* kEraseScript = R"(
local erased = 0
for i = 2, #ARGV do
  if redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[1] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[1])
    erased = erased + 1
  end
end
if erased > 0 then redis.call('HINCRBY', KEYS[2], 'wanted', erased) end
return erased
)";

// ARGV: id, old value, new value, ... Replaces what is still the old value; answers how many.
constexpr const char* kReplaceScript = R"(
local replaced = 0
for i = 1, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    replaced = replaced + 1
  end
end
if replaced > 0 then redis.call('HINCRBY', KEYS[2], 'wanted', replaced) end
return replaced
)";

}  // namespace

RedisKeyStore::RedisKeyStore(RedisClient& redis, MasterKeys master_keys, RandomSource& random,
                             const Clock& clock, RedisKeyStoreOptions options)
    : redis_(redis),
      master_keys_(std::move(master_keys)),
      random_(random),
      clock_(clock),
      options_(std::move(options)),
      keys_{"{" + options_.name + "}keys", "{" + options_.name + "}compaction"},
      create_(kCreateScript),
      erase_(kEraseScript),
      replace_(kReplaceScript),
      cache_(options_.cache_entries_max, options_.cache_age_max) {}

Task<Result<Reply>> RedisKeyStore::Call(const RedisScript& script,
                                        std::vector<std::string> arguments) {
  Result<Reply> reply =
      co_await script.Call(redis_, keys_, std::move(arguments), options_.deadline);
  if (!reply.ok()) co_return KeyStoreUnavailable(reply.status().reason());
  if (reply->is_error()) co_return KeyStoreUnavailable(reply->text);
  co_return reply;
}

Result<PersonKey> RedisKeyStore::Read(const std::string& person_id, const Reply& stored) {
  PersonKey key;
  if (stored.is_nil()) return key;
  if (stored.text == kErased) {
    key.state = PersonKey::State::kErased;
  } else {
    EPIGRID_ASSIGN_OR_RETURN(key.key, master_keys_.Unwrap(stored.text, person_id));
    key.state = PersonKey::State::kPresent;
  }
  cache_.Put(person_id, key, clock_.Now());
  return key;
}

Task<Result<std::vector<PersonKey>>> RedisKeyStore::CreateKeys(
    std::vector<std::string> person_ids) {
  EPIGRID_CHECK(person_ids.size() <= kKeysPerCallMax, "too many keys for one call");
  std::vector<PersonKey> keys;
  if (person_ids.empty()) co_return keys;
  std::vector<std::string> arguments;
  arguments.reserve(person_ids.size() * 2);
  for (const std::string& person_id : person_ids) {
    arguments.push_back(person_id);
    arguments.push_back(master_keys_.Wrap(SecretKey::Random(random_), person_id, random_));
  }
  EPIGRID_CO_ASSIGN_OR_RETURN(Reply reply, co_await Call(create_, std::move(arguments)));
  if (reply.elements.size() != person_ids.size())
    co_return KeyStoreUnavailable("an answer of another shape");
  keys.reserve(person_ids.size());
  for (size_t i = 0; i < person_ids.size(); ++i) {
    EPIGRID_CO_ASSIGN_OR_RETURN(PersonKey key, Read(person_ids[i], reply.elements[i]));
    keys.push_back(std::move(key));
  }
  co_return keys;
}

Task<Result<std::vector<PersonKey>>> RedisKeyStore::GetKeys(std::vector<std::string> person_ids) {
  EPIGRID_CHECK(person_ids.size() <= kKeysPerCallMax, "too many keys for one call");
  std::vector<PersonKey> keys(person_ids.size());
  std::vector<size_t> missing;
  const Time now = clock_.Now();
  for (size_t i = 0; i < person_ids.size(); ++i) {
    if (std::optional<PersonKey> cached = cache_.Find(person_ids[i], now)) {
      keys[i] = *cached;
    } else {
      missing.push_back(i);
    }
  }
  if (missing.empty()) co_return keys;
  std::vector<std::string> command = {"HMGET", keys_[0]};
  for (size_t i : missing) command.push_back(person_ids[i]);
  Result<Reply> reply = co_await redis_.Call(std::move(command), options_.deadline);
  if (!reply.ok()) co_return KeyStoreUnavailable(reply.status().reason());
  if (reply->elements.size() != missing.size()) co_return KeyStoreUnavailable(reply->text);
  for (size_t n = 0; n < missing.size(); ++n) {
    EPIGRID_CO_ASSIGN_OR_RETURN(keys[missing[n]], Read(person_ids[missing[n]], reply->elements[n]));
  }
  co_return keys;
}

Task<Result<Done>> RedisKeyStore::Tombstone(std::vector<std::string> person_ids) {
  EPIGRID_CHECK(person_ids.size() <= kKeysPerCallMax, "too many keys for one call");
  if (person_ids.empty()) co_return Done{};
  std::vector<std::string> arguments = {std::string(kErased)};
  arguments.insert(arguments.end(), person_ids.begin(), person_ids.end());
  Result<Reply> reply = co_await Call(erase_, std::move(arguments));
  if (!reply.ok()) co_return reply.status();
  const PersonKey erased{.state = PersonKey::State::kErased, .key = {}};
  for (const std::string& person_id : person_ids) cache_.Put(person_id, erased, clock_.Now());
  co_return Done{};
}

Task<Result<Done>> RedisKeyStore::CheckRoot() {
  const std::string mark = RootMark(master_keys_);
  Result<Reply> reply = co_await redis_.Call(
      {"SET", "{" + options_.name + "}root", mark, "NX", "GET"}, options_.deadline);
  if (!reply.ok()) co_return KeyStoreUnavailable(reply.status().reason());
  if (reply->is_error()) co_return KeyStoreUnavailable(reply->text);
  if (reply->is_nil() || reply->text == mark) co_return Done{};
  co_return RootDiffers();
}

Task<Result<RedisKeyStore::Page>> RedisKeyStore::Look(std::string cursor) {
  std::vector<std::string> command = {"HSCAN", keys_[0], std::move(cursor), "COUNT",
                                      std::to_string(kScanCount)};
  Result<Reply> reply = co_await redis_.Call(std::move(command), options_.deadline);
  if (!reply.ok()) co_return KeyStoreUnavailable(reply.status().reason());
  if (reply->elements.size() != 2) co_return KeyStoreUnavailable(reply->text);
  Page page;
  page.cursor = std::move(reply->elements[0].text);
  std::vector<Reply>& entries = reply->elements[1].elements;
  for (size_t i = 0; i + 1 < entries.size(); i += 2) {
    std::string& wrapped = entries[i + 1].text;
    if (wrapped == kErased || !master_keys_.IsOutdated(wrapped)) continue;
    page.outdated.push_back({std::move(entries[i].text), std::move(wrapped)});
  }
  co_return page;
}

Task<Result<size_t>> RedisKeyStore::Rewrap(std::vector<Wrapped> outdated) {
  if (outdated.empty()) co_return 0;
  std::vector<std::string> replacements;
  for (Wrapped& each : outdated) {
    EPIGRID_CO_ASSIGN_OR_RETURN(const SecretKey key,
                                master_keys_.Unwrap(each.wrapped, each.person_id));
    std::string again = master_keys_.Wrap(key, each.person_id, random_);
    replacements.insert(replacements.end(),
                        {std::move(each.person_id), std::move(each.wrapped), std::move(again)});
  }
  EPIGRID_CO_ASSIGN_OR_RETURN(Reply replaced, co_await Call(replace_, std::move(replacements)));
  co_return static_cast<size_t>(replaced.integer);
}

}  // namespace epigrid
