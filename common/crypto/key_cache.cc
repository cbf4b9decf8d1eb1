#include "common/crypto/key_cache.h"

namespace epigrid {

std::optional<PersonKey> KeyCache::Find(const std::string& person_id, Time now) {
  std::lock_guard lock(mutex_);
  const auto found = by_id_.find(person_id);
  if (found == by_id_.end()) return std::nullopt;
  const auto entry = found->second;
  const bool final = entry->key.state == PersonKey::State::kErased;
  // A clock that was set back makes an entry look younger than none: that is too old as well.
  if (!final && (now - entry->read_at > age_max_ || now < entry->read_at)) {
    entries_.erase(entry);
    by_id_.erase(found);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->key;
}

void KeyCache::Put(const std::string& person_id, const PersonKey& key, Time now) {
  if (key.state == PersonKey::State::kUnknown) return;
  std::lock_guard lock(mutex_);
  if (const auto found = by_id_.find(person_id); found != by_id_.end()) {
    Entry& entry = *found->second;
    // A read that was under way when the key was erased must not bring it back.
    if (entry.key.state == PersonKey::State::kErased) return;
    entry.key = key;
    entry.read_at = now;
    entries_.splice(entries_.begin(), entries_, found->second);
    return;
  }
  entries_.push_front({person_id, key, now});
  by_id_.emplace(person_id, entries_.begin());
  if (entries_.size() > entries_max_) {
    by_id_.erase(entries_.back().person_id);
    entries_.pop_back();
  }
}

size_t KeyCache::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace epigrid
