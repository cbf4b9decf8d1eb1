#include "common/projector/cells.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace epigrid {
namespace {

// What an entry costs besides its bytes, about: two allocations and the node.
constexpr size_t kEntryOverhead = 160;

}  // namespace

size_t CellReader::KeyHash::operator()(std::string_view key) const {
  return XXH3_64bits(key.data(), key.size());
}

const CellReader::Entry* CellReader::Find(std::string_view key) const {
  auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

const CellReader::Members* CellReader::FindMembers(std::string_view key) const {
  const Entry* entry = Find(key);
  return entry == nullptr ? nullptr : entry->members.get();
}

bool CellReader::HasString(std::string_view key) const {
  const Entry* entry = Find(key);
  return entry != nullptr && entry->string_known;
}

bool CellReader::HasMember(std::string_view key, std::string_view field) const {
  const Members* members = FindMembers(key);
  return members != nullptr &&
         (members->complete || members->present.contains(field) || members->absent.contains(field));
}

bool CellReader::HasMembers(std::string_view key) const {
  const Members* members = FindMembers(key);
  return members != nullptr && members->complete;
}

const std::string* CellReader::Get(std::string_view key) const {
  const Entry* entry = Find(key);
  EPIGRID_CHECK(entry != nullptr && entry->string_known,
                "string cell not loaded: " + std::string(key));
  return entry->string_present ? &entry->string : nullptr;
}

const std::string* CellReader::GetMember(std::string_view key, std::string_view field) const {
  const Members* members = FindMembers(key);
  if (members != nullptr) {
    auto found = members->present.find(field);
    if (found != members->present.end()) return &found->second;
  }
  EPIGRID_CHECK(members != nullptr && (members->complete || members->absent.contains(field)),
                "member cell not loaded: " + std::string(key));
  return nullptr;
}

const std::map<std::string, std::string, std::less<>>& CellReader::GetMembers(
    std::string_view key) const {
  const Members* members = FindMembers(key);
  EPIGRID_CHECK(members != nullptr && members->complete,
                "member cells not loaded: " + std::string(key));
  return members->present;
}

Cells::Entries::value_type& Cells::FindForWrite(std::string_view key) {
  auto found = entries_.find(key);
  EPIGRID_CHECK(found != entries_.end(), "cell not loaded: " + std::string(key));
  found->second.used_in_batch = batch_;
  return *found;
}

Cells::Members& Cells::KnownMembers(std::string_view key) {
  Entry& entry = FindForWrite(key).second;
  EPIGRID_CHECK(entry.members != nullptr, "member cells not loaded: " + std::string(key));
  return *entry.members;
}

void Cells::MarkString(Entries::value_type& entry) {
  ++changes_;
  if (entry.second.written_in_batch == batch_) return;
  entry.second.written_in_batch = batch_;
  dirty_strings_.push_back(&entry);
}

void Cells::Write(CellWrite::Kind kind, std::string_view key, std::string_view field,
                  std::string value, Time due) {
  ++changes_;
  writes_.push_back({kind, std::string(key), std::string(field), std::move(value), due});
}

void Cells::Set(std::string_view key, std::string value) {
  Entries::value_type& found = FindForWrite(key);
  Entry& entry = found.second;
  EPIGRID_CHECK(entry.string_known, "string cell not loaded: " + std::string(key));
  if (entry.string_present) {
    if (entry.string == value) return;
    digest_.RemoveCell(key, {}, entry.string);
  }
  digest_.AddCell(key, {}, value);
  bytes_ += value.size();
  bytes_ -= entry.string.size();
  entry.string = std::move(value);
  entry.string_present = true;
  MarkString(found);
}

void Cells::Delete(std::string_view key) {
  Entries::value_type& found = FindForWrite(key);
  Entry& entry = found.second;
  EPIGRID_CHECK(entry.string_known, "string cell not loaded: " + std::string(key));
  if (!entry.string_present) return;
  digest_.RemoveCell(key, {}, entry.string);
  bytes_ -= entry.string.size();
  entry.string.clear();
  entry.string_present = false;
  MarkString(found);
}

void Cells::SetMember(std::string_view key, std::string_view field, std::string value) {
  Members& members = KnownMembers(key);
  auto present = members.present.find(field);
  if (present != members.present.end()) {
    if (present->second == value) return;
    digest_.RemoveCell(key, field, present->second);
    bytes_ -= present->second.size();
    present->second = value;
  } else {
    auto absent = members.absent.find(field);
    EPIGRID_CHECK(members.complete || absent != members.absent.end(),
                  "member cell not loaded: " + std::string(key));
    if (absent != members.absent.end()) {
      members.absent.erase(absent);
    } else {
      bytes_ += field.size() + kEntryOverhead;
    }
    members.present.emplace(field, value);
  }
  bytes_ += value.size();
  digest_.AddCell(key, field, value);
  Write(CellWrite::Kind::kSetMember, key, field, std::move(value), {});
}

void Cells::DeleteMember(std::string_view key, std::string_view field) {
  Members& members = KnownMembers(key);
  auto present = members.present.find(field);
  if (present == members.present.end()) {
    EPIGRID_CHECK(members.complete || members.absent.contains(field),
                  "member cell not loaded: " + std::string(key));
    return;
  }
  digest_.RemoveCell(key, field, present->second);
  bytes_ -= present->second.size();
  if (members.complete) {
    bytes_ -= field.size() + kEntryOverhead;
  } else {
    members.absent.emplace(field);
  }
  members.present.erase(present);
  Write(CellWrite::Kind::kDeleteMember, key, field, {}, {});
}

void Cells::DeleteMembers(std::string_view key) {
  Members& members = KnownMembers(key);
  EPIGRID_CHECK(members.complete, "member cells not loaded: " + std::string(key));
  if (members.present.empty()) return;
  for (const auto& [field, value] : members.present) {
    digest_.RemoveCell(key, field, value);
    bytes_ -= field.size() + value.size() + kEntryOverhead;
  }
  members.present.clear();
  Write(CellWrite::Kind::kDelete, key, {}, {}, {});
}

void Cells::AddToIndex(std::string_view key, std::string_view member) {
  EPIGRID_CHECK(!key.empty() && !member.empty(), "an index and its members have names");
  digest_.AddCell(key, member, {});
  Write(CellWrite::Kind::kAddToIndex, key, member, {}, {});
}

void Cells::RemoveFromIndex(std::string_view key, std::string_view member) {
  EPIGRID_CHECK(!key.empty() && !member.empty(), "an index and its members have names");
  digest_.RemoveCell(key, member, {});
  Write(CellWrite::Kind::kRemoveFromIndex, key, member, {}, {});
}

void Cells::MoveTimer(std::string_view id, Time from, Time to) {
  EPIGRID_CHECK(!id.empty(), "a timer has an id");
  if (from >= kTimerDueEnd) from = {};
  if (to >= kTimerDueEnd) to = {};
  if (from == to) return;
  timers_moved_.emplace(id);
  if (from.is_set()) digest_.RemoveTimer(id, from);
  if (to.is_set()) {
    digest_.AddTimer(id, to);
    Write(CellWrite::Kind::kSetTimer, {}, id, {}, to);
  } else {
    Write(CellWrite::Kind::kDeleteTimer, {}, id, {}, {});
  }
}

std::vector<CellRead> Cells::Missing(const std::vector<CellRead>& reads) {
  std::vector<CellRead> missing;
  AddMissing(reads, missing);
  return missing;
}

bool Cells::AddMissing(const std::vector<CellRead>& reads, std::vector<CellRead>& missing) {
  bool all_loaded = true;
  for (const CellRead& read : reads) {
    EPIGRID_CHECK(!read.key.empty(), "a cell has a key");
    auto found = entries_.find(read.key);
    if (found == entries_.end()) {
      found = entries_.emplace(read.key, Entry()).first;
      bytes_ += read.key.size() + kEntryOverhead;
    }
    Entry& entry = found->second;
    entry.used_in_batch = batch_;
    bool asked = false;
    if (read.kind == CellRead::Kind::kString) {
      if (entry.string_known) continue;
      asked = std::exchange(entry.asked, true);
    } else {
      if (entry.members == nullptr) entry.members = std::make_unique<Members>();
      Members& members = *entry.members;
      if (members.complete) continue;
      if (read.kind == CellRead::Kind::kMembers) {
        asked = std::exchange(entry.asked, true);
      } else {
        EPIGRID_CHECK(!read.field.empty(), "a member cell has a field");
        if (members.present.contains(read.field) || members.absent.contains(read.field)) continue;
        asked = !members.asked.insert(read.field).second;
      }
    }
    all_loaded = false;
    if (!asked) missing.push_back(read);
  }
  return all_loaded;
}

void Cells::Load(const CellRead& read, CellFound found) {
  auto [at, created] = entries_.try_emplace(read.key);
  if (created) bytes_ += read.key.size() + kEntryOverhead;
  Entry& entry = at->second;
  entry.used_in_batch = batch_;
  if (read.kind == CellRead::Kind::kString) {
    EPIGRID_CHECK(!entry.string_known, "a cell is loaded once: " + read.key);
    entry.string_known = true;
    entry.asked = false;
    entry.string_present = found.value.has_value();
    if (found.value.has_value()) entry.string = std::move(*found.value);
    bytes_ += entry.string.size();
    return;
  }
  if (entry.members == nullptr) entry.members = std::make_unique<Members>();
  Members& members = *entry.members;
  if (read.kind == CellRead::Kind::kMember) {
    members.asked.erase(read.field);
    // The whole hash came by another read of the same round, or this member was loaded by it.
    if (members.complete || members.present.contains(read.field)) return;
    bytes_ += read.field.size() + kEntryOverhead;
    if (found.value.has_value()) {
      bytes_ += found.value->size();
      members.present.emplace(read.field, std::move(*found.value));
    } else {
      members.absent.insert(read.field);
    }
    return;
  }
  EPIGRID_CHECK(read.kind == CellRead::Kind::kMembers, "only cells are loaded");
  bytes_ -= BytesOf(*at);
  members.complete = true;
  entry.asked = false;
  members.absent.clear();
  members.present.clear();
  for (auto& [field, value] : found.members) members.present.emplace(field, std::move(value));
  // Members that were loaded one by one may have been written in this batch, which the view has not
  // seen.
  for (const CellWrite& write : writes_) {
    if (write.key != read.key) continue;
    if (write.kind == CellWrite::Kind::kSetMember) members.present[write.field] = write.value;
    if (write.kind == CellWrite::Kind::kDeleteMember) members.present.erase(write.field);
  }
  bytes_ += BytesOf(*at);
}

void Cells::Begin(const Digest& digest) {
  EPIGRID_CHECK(pending_writes() == 0, "a batch begins when the one before has been taken");
  digest_ = digest;
  timers_moved_.clear();
  ++batch_;
}

std::vector<CellWrite> Cells::TakeWrites() {
  std::vector<CellWrite> taken;
  taken.reserve(pending_writes());
  for (const Entries::value_type* entry : dirty_strings_) {
    const Entry& cell = entry->second;
    taken.push_back({cell.string_present ? CellWrite::Kind::kSet : CellWrite::Kind::kDelete,
                     entry->first,
                     {},
                     cell.string,
                     {}});
  }
  dirty_strings_.clear();
  std::move(writes_.begin(), writes_.end(), std::back_inserter(taken));
  writes_.clear();
  return taken;
}

void Cells::Drop() {
  entries_.clear();
  dirty_strings_.clear();
  writes_.clear();
  bytes_ = 0;
}

size_t Cells::BytesOf(const Entries::value_type& entry) {
  size_t bytes = entry.first.size() + kEntryOverhead + entry.second.string.size();
  if (entry.second.members != nullptr) {
    for (const auto& [field, value] : entry.second.members->present) {
      bytes += field.size() + value.size() + kEntryOverhead;
    }
    for (const std::string& field : entry.second.members->absent) {
      bytes += field.size() + kEntryOverhead;
    }
  }
  return bytes;
}

void Cells::Trim(size_t bytes_max) {
  EPIGRID_CHECK(pending_writes() == 0,
                "what is written in a batch is not forgotten before its end");
  if (bytes_ <= bytes_max) return;
  std::vector<uint32_t> used;
  used.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) used.push_back(entry.used_in_batch);
  // The older half, so that the work is spread over as many batches as it takes to fill it again.
  auto middle = used.begin() + static_cast<ptrdiff_t>((used.size() - 1) / 2);
  std::nth_element(used.begin(), middle, used.end());
  const uint32_t until = *middle;
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (at->second.used_in_batch > until) {
      ++at;
      continue;
    }
    bytes_ -= BytesOf(*at);
    at = entries_.erase(at);
  }
  if (bytes_ > bytes_max) Drop();
}

}  // namespace epigrid
