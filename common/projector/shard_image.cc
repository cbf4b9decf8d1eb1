#include "common/projector/shard_image.h"

#include <algorithm>

namespace epigrid {

std::optional<Time> ShardImage::NextDue() const {
  if (by_due_.empty()) return std::nullopt;
  return by_due_.begin()->due;
}

Digest ShardImage::Recount() const {
  Digest digest;
  for (const auto& [key, value] : strings) digest.AddCell(key, {}, value);
  for (const auto& [key, members] : hashes) {
    for (const auto& [field, value] : members) digest.AddCell(key, field, value);
  }
  for (const auto& [key, members] : indexes) {
    for (const std::string& member : members) digest.AddCell(key, member, {});
  }
  for (const auto& [id, due] : timers_) digest.AddTimer(id, due);
  return digest;
}

CellFound ShardImage::Read(const CellRead& read) const {
  CellFound found;
  if (read.kind == CellRead::Kind::kString) {
    if (auto at = strings.find(read.key); at != strings.end()) found.value = at->second;
  } else if (read.kind == CellRead::Kind::kTimers) {
    for (const Timer& timer : by_due_) {
      if (timer.due > read.until || found.timers.size() == kTimersPerTick) break;
      found.timers.push_back(timer);
    }
  } else if (auto at = hashes.find(read.key); at != hashes.end()) {
    if (read.kind == CellRead::Kind::kMembers) {
      found.members = at->second;
    } else if (auto member = at->second.find(read.field); member != at->second.end()) {
      found.value = member->second;
    }
  }
  return found;
}

void ShardImage::Write(const CellWrite& write) {
  // A key without members is gone, as in Redis.
  auto erase_from = [&](auto& map) {
    auto at = map.find(write.key);
    if (at == map.end()) return;
    at->second.erase(write.field);
    if (at->second.empty()) map.erase(at);
  };
  switch (write.kind) {
    case CellWrite::Kind::kSet: strings[write.key] = write.value; break;
    case CellWrite::Kind::kDelete:
      strings.erase(write.key);
      hashes.erase(write.key);
      indexes.erase(write.key);
      break;
    case CellWrite::Kind::kSetMember: hashes[write.key][write.field] = write.value; break;
    case CellWrite::Kind::kDeleteMember: erase_from(hashes); break;
    case CellWrite::Kind::kAddToIndex: indexes[write.key].insert(write.field); break;
    case CellWrite::Kind::kRemoveFromIndex: erase_from(indexes); break;
    case CellWrite::Kind::kSetTimer: MoveTimer(write.field, write.due); break;
    case CellWrite::Kind::kDeleteTimer: MoveTimer(write.field, std::nullopt); break;
  }
}

void ShardImage::MoveTimer(const std::string& id, std::optional<Time> due) {
  if (auto armed = timers_.find(id); armed != timers_.end()) {
    by_due_.erase({armed->second, id});
    timers_.erase(armed);
  }
  if (!due.has_value()) return;
  timers_[id] = *due;
  by_due_.insert({*due, id});
}

size_t ShardImage::BytesAt(const CellWrite& write) const {
  using Kind = CellWrite::Kind;
  const size_t name = write.key.size() + write.field.size();
  size_t bytes = 0;
  const auto hash = hashes.find(write.key);
  const auto index = indexes.find(write.key);
  if (write.kind == Kind::kSetTimer || write.kind == Kind::kDeleteTimer) {
    return timers_.contains(write.field) ? name : 0;
  }
  const bool whole = write.kind == Kind::kSet || write.kind == Kind::kDelete;
  if (const auto found = strings.find(write.key); whole && found != strings.end()) {
    bytes += name + found->second.size();
  }
  if (hash != hashes.end()) {
    for (auto at = whole ? hash->second.begin() : hash->second.find(write.field);
         at != hash->second.end(); ++at) {
      bytes += write.key.size() + at->first.size() + at->second.size();
      if (!whole) break;
    }
  }
  if (index != indexes.end()) {
    for (auto at = whole ? index->second.begin() : index->second.find(write.field);
         at != index->second.end(); ++at) {
      bytes += write.key.size() + at->size();
      if (!whole) break;
    }
  }
  return bytes;
}

ImageCursor::ImageCursor(const ShardImage& image)
    : image_(image),
      string_(image.strings.begin()),
      hash_(image.hashes.begin()),
      index_(image.indexes.begin()),
      timer_(image.timers().begin()) {
  if (hash_ != image_.hashes.end()) member_ = hash_->second.begin();
  if (index_ != image_.indexes.end()) indexed_ = index_->second.begin();
}

std::optional<CellWrite> ImageCursor::Next() {
  using Kind = CellWrite::Kind;
  if (string_ != image_.strings.end()) {
    const auto& [key, value] = *string_++;
    return CellWrite{Kind::kSet, key, {}, value, {}};
  }
  if (hash_ != image_.hashes.end()) {  // none is empty
    CellWrite write{Kind::kSetMember, hash_->first, member_->first, member_->second, {}};
    if (++member_ == hash_->second.end() && ++hash_ != image_.hashes.end()) {
      member_ = hash_->second.begin();
    }
    return write;
  }
  if (index_ != image_.indexes.end()) {
    CellWrite write{Kind::kAddToIndex, index_->first, *indexed_, {}, {}};
    if (++indexed_ == index_->second.end() && ++index_ != image_.indexes.end()) {
      indexed_ = index_->second.begin();
    }
    return write;
  }
  if (timer_ == image_.timers().end()) return std::nullopt;
  const auto& [id, due] = *timer_++;
  return CellWrite{Kind::kSetTimer, {}, id, {}, due};
}

}  // namespace epigrid
