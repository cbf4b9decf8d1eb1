#include "common/crypto/log_key_store.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "common/crypto/durable_keys.h"

namespace epigrid {

LogKeyStore::LogKeyStore(Scheduler& scheduler, KeyTable& table, MasterKeys master_keys,
                         RandomSource& random)
    : scheduler_(scheduler), table_(table), master_keys_(std::move(master_keys)), random_(random) {}

Task<Result<Done>> LogKeyStore::Settled(Task<Result<Done>> of_table) {
  Result<Done> settled = co_await of_table;
  co_await scheduler_.Sleep(Duration::zero());
  co_return settled;
}

Result<PersonKey> LogKeyStore::Find(const std::string& person_id) const {
  PersonKey key;
  const std::optional<std::string> stands = table_.Find(person_id);
  if (!stands.has_value()) return key;
  if (stands->empty()) {
    key.state = PersonKey::State::kErased;
    return key;
  }
  EPIGRID_ASSIGN_OR_RETURN(key.key, master_keys_.Unwrap(*stands, person_id));
  key.state = PersonKey::State::kPresent;
  return key;
}

Result<std::vector<PersonKey>> LogKeyStore::FindAll(
    const std::vector<std::string>& person_ids) const {
  EPIGRID_CHECK(person_ids.size() <= kKeysPerCallMax, "too many keys for one call");
  std::vector<PersonKey> keys;
  keys.reserve(person_ids.size());
  for (const std::string& person_id : person_ids) {
    EPIGRID_ASSIGN_OR_RETURN(PersonKey key, Find(person_id));
    keys.push_back(std::move(key));
  }
  return keys;
}

Task<Result<std::vector<PersonKey>>> LogKeyStore::CreateKeys(std::vector<std::string> person_ids) {
  std::vector<KeyTable::Write> writes;
  for (const std::string& person_id : person_ids) {
    if (table_.Find(person_id).has_value()) continue;
    KeyRecord record;
    record.set_wrapped(master_keys_.Wrap(SecretKey::Random(random_), person_id, random_));
    writes.push_back({person_id, std::move(record)});
  }
  if (!writes.empty()) {
    EPIGRID_CO_RETURN_IF_ERROR((co_await Settled(table_.Put(std::move(writes)))).status());
  }
  co_return FindAll(person_ids);
}

Task<Result<std::vector<PersonKey>>> LogKeyStore::GetKeys(std::vector<std::string> person_ids) {
  std::vector<std::string> unknown;
  for (const std::string& person_id : person_ids) {
    if (!table_.Find(person_id).has_value()) unknown.push_back(person_id);
  }
  if (!unknown.empty()) {
    EPIGRID_CO_RETURN_IF_ERROR((co_await Settled(table_.CatchUp(std::move(unknown)))).status());
  }
  co_return FindAll(person_ids);
}

Task<Result<Done>> LogKeyStore::Tombstone(std::vector<std::string> person_ids) {
  EPIGRID_CHECK(person_ids.size() <= kKeysPerCallMax, "too many keys for one call");
  std::vector<KeyTable::Write> writes;
  for (std::string& person_id : person_ids) {
    if (table_.Find(person_id) == "") continue;
    KeyRecord record;
    record.set_erased(true);
    writes.push_back({std::move(person_id), std::move(record)});
  }
  if (writes.empty()) co_return Done{};
  co_return co_await Settled(table_.Put(std::move(writes)));
}

Task<Result<Done>> LogKeyStore::CheckRoot() {
  const std::string mark = RootMark(master_keys_);
  EPIGRID_CO_RETURN_IF_ERROR((co_await Settled(table_.CatchUp({}))).status());
  if (!table_.root_mark().has_value()) {
    EPIGRID_CO_RETURN_IF_ERROR((co_await Settled(table_.PutRootMark(mark))).status());
  }
  if (table_.root_mark() != mark) co_return RootDiffers();
  co_return Done{};
}

// A shard a page.
Task<Result<DurableKeyStore::Page>> LogKeyStore::Look(std::string cursor) {
  Shard shard = 0;
  std::from_chars(cursor.data(), cursor.data() + cursor.size(), shard);
  EPIGRID_CHECK(shard < table_.shard_count(), "a cursor is one that Look gave");
  if (shard == 0) {
    EPIGRID_CO_RETURN_IF_ERROR((co_await Settled(table_.CatchUp({}))).status());
  }
  Page page;
  for (auto& [person_id, wrapped] : table_.PageOf(shard)) {
    if (wrapped.empty() || !master_keys_.IsOutdated(wrapped)) continue;
    page.outdated.push_back({std::move(person_id), std::move(wrapped)});
  }
  page.cursor = shard + 1 == table_.shard_count() ? "0" : std::to_string(shard + 1);
  co_return page;
}

Task<Result<size_t>> LogKeyStore::Rewrap(std::vector<Wrapped> outdated) {
  size_t rewrapped = 0;
  for (size_t begin = 0; begin < outdated.size(); begin += kKeysPerCallMax / 10) {
    const size_t end = std::min(outdated.size(), begin + kKeysPerCallMax / 10);
    std::vector<KeyTable::Write> writes;
    for (size_t i = begin; i < end; ++i) {
      const auto& [person_id, wrapped] = outdated[i];
      EPIGRID_CO_ASSIGN_OR_RETURN(const SecretKey key, master_keys_.Unwrap(wrapped, person_id));
      KeyRecord record;
      record.set_wrapped(master_keys_.Wrap(key, person_id, random_));
      record.set_replaces(wrapped);
      writes.push_back({person_id, std::move(record)});
    }
    std::vector<KeyTable::Write> wanted = writes;
    EPIGRID_CO_RETURN_IF_ERROR((co_await Settled(table_.Put(std::move(writes)))).status());
    for (const KeyTable::Write& write : wanted) {
      rewrapped += table_.Find(write.person_id) == write.record.wrapped();
    }
  }
  co_return rewrapped;
}

}  // namespace epigrid
