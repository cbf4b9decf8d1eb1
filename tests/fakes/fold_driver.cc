#include "tests/fakes/fold_driver.h"

namespace epigrid {

Outcome FoldDriver::Send(const std::string& entity, Event event) {
  const auto shard_count = static_cast<uint32_t>(shards_.size());
  const Outcome outcome = Fold(ShardOf(entity, shard_count), std::move(event));
  while (!under_way_.empty()) {
    Emission emission = std::move(under_way_.front());
    under_way_.pop_front();
    Fold(ShardOf(emission.entity, shard_count), std::move(emission.event));
  }
  return outcome;
}

Outcome FoldDriver::Fold(Shard shard, Event event) {
  ShardState& state = shards_[shard];
  const Status prepared = Run(fold_.Prepare({&event})).Wait();
  EPIGRID_CHECK(prepared.ok(), prepared.ToString());
  Cells cells;
  while (true) {
    NeedSet needs;
    fold_.Needs(event, cells, needs);
    const std::vector<CellRead> missing = cells.Missing(needs.reads());
    if (missing.empty()) break;
    for (const CellRead& read : missing) cells.Load(read, Read(state, read));
  }
  cells.Begin({});
  Context context(shard, ++state.end, 0, recorded_at, recorded_at);
  fold_.Apply(event, cells, context);
  const std::vector<CellWrite> writes = cells.TakeWrites();
  EPIGRID_CHECK(writes.size() <= kWritesPerEventMax, "an event wrote too many cells");
  for (const CellWrite& write : writes) Write(state, write);
  for (Emission& emission : context.emissions) {
    if (emission.topic.empty()) {
      under_way_.push_back(std::move(emission));
    } else {
      published_.push_back(std::move(emission));
    }
  }
  ignored_.insert(ignored_.end(), context.ignored.begin(), context.ignored.end());
  return context.answer.value_or(Outcome());
}

CellFound FoldDriver::Read(const ShardState& state, const CellRead& read) const {
  CellFound found;
  const auto hash = state.hashes.find(read.key);
  switch (read.kind) {
    case CellRead::Kind::kString:
      if (const auto string = state.strings.find(read.key); string != state.strings.end()) {
        found.value = string->second;
      }
      break;
    case CellRead::Kind::kMember:
      if (hash == state.hashes.end()) break;
      if (const auto member = hash->second.find(read.field); member != hash->second.end()) {
        found.value = member->second;
      }
      break;
    case CellRead::Kind::kMembers:
      if (hash != state.hashes.end()) found.members = hash->second;
      break;
    case CellRead::Kind::kTimers: EPIGRID_CHECK(false, "this driver has no timers");
  }
  return found;
}

void FoldDriver::Write(ShardState& state, const CellWrite& write) {
  switch (write.kind) {
    case CellWrite::Kind::kSet: state.strings[write.key] = write.value; break;
    case CellWrite::Kind::kDelete:
      state.strings.erase(write.key);
      state.hashes.erase(write.key);
      break;
    case CellWrite::Kind::kSetMember: state.hashes[write.key][write.field] = write.value; break;
    case CellWrite::Kind::kDeleteMember: state.hashes[write.key].erase(write.field); break;
    case CellWrite::Kind::kAddToIndex:
      EPIGRID_CHECK(state.indexes[write.key].insert(write.field).second, "it was in the index");
      break;
    case CellWrite::Kind::kRemoveFromIndex:
      EPIGRID_CHECK(state.indexes[write.key].erase(write.field) == 1, "it was not in the index");
      break;
    case CellWrite::Kind::kSetTimer:
    case CellWrite::Kind::kDeleteTimer: EPIGRID_CHECK(false, "this driver has no timers");
  }
}

std::optional<std::string> FoldDriver::Get(const std::string& entity,
                                           const std::string& key) const {
  const auto& strings = StateOf(entity).strings;
  const auto found = strings.find(key);
  if (found == strings.end()) return std::nullopt;
  return found->second;
}

std::map<std::string, std::string> FoldDriver::Members(const std::string& entity,
                                                       const std::string& key) const {
  const auto& hashes = StateOf(entity).hashes;
  const auto found = hashes.find(key);
  if (found == hashes.end()) return {};
  return found->second;
}

std::set<std::string> FoldDriver::Index(const std::string& entity, const std::string& key) const {
  const auto& indexes = StateOf(entity).indexes;
  const auto found = indexes.find(key);
  if (found == indexes.end()) return {};
  return found->second;
}

}  // namespace epigrid
