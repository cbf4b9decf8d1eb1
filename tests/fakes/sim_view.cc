#include "tests/fakes/sim_view.h"

#include <algorithm>
#include <utility>

namespace epigrid {
namespace {

// The high-water marks as a view would keep them that has one per source shard.
std::map<std::string, Mark> MergeStreams(const std::map<std::string, Mark>& marks) {
  std::map<std::string, Mark> greatest;
  auto source = [](const std::string& key) { return key.substr(key.rfind('/')); };
  for (const auto& [key, mark] : marks) {
    Mark& there = greatest[source(key)];
    there = std::max(there, mark);
  }
  std::map<std::string, Mark> merged;
  for (const auto& [key, mark] : marks) merged[key] = greatest[source(key)];
  return merged;
}

// How to bring one key of a map back to what it is now.
template <typename Map>
auto Restore(const Map& map, const std::string& key) {
  using Value = typename Map::mapped_type;
  auto found = map.find(key);
  std::optional<Value> value;
  if (found != map.end()) value = found->second;
  return [key, value = std::move(value)](Map& in) {
    if (value.has_value()) {
      in[key] = *value;
    } else {
      in.erase(key);
    }
  };
}

}  // namespace

const ShardImage* SimViewStorage::Live(Shard shard) const {
  auto state = shards_.find(shard);
  if (state == shards_.end() || !state->second.live.has_value()) return nullptr;
  return Find(shard, *state->second.live);
}

const ShardImage* SimViewStorage::Find(Shard shard, Generation generation) const {
  auto state = shards_.find(shard);
  if (state == shards_.end()) return nullptr;
  auto found = state->second.generations.find(generation);
  return found == state->second.generations.end() ? nullptr : &found->second;
}

ShardImage* SimViewStorage::Find(ShardState& state, Generation generation) {
  auto found = state.generations.find(generation);
  return found == state.generations.end() ? nullptr : &found->second;
}

void SimViewStorage::Remember(ShardState& state, std::function<void(ShardState&)> undo) {
  state.undo.push_back(std::move(undo));
  if (state.undo.size() > kHistory) state.undo.pop_front();
}

void SimViewStorage::LoseTail(Shard shard, size_t writes) {
  ShardState& state = shards_[shard];
  for (; writes > 0 && !state.undo.empty(); --writes) {
    const std::function<void(ShardState&)> undo = std::move(state.undo.back());
    state.undo.pop_back();
    undo(state);
  }
}

std::function<void(SimViewStorage::ShardState&)> SimViewStorage::UndoOf(
    const ShardImage& before, const GuardedBatch& batch) const {
  std::vector<std::function<void(ShardImage&)>> steps;
  for (const CellWrite& write : batch.writes) {
    if (write.kind == CellWrite::Kind::kSetTimer || write.kind == CellWrite::Kind::kDeleteTimer) {
      CellWrite restore{CellWrite::Kind::kDeleteTimer, {}, write.field, {}, {}};
      if (auto armed = before.timers().find(write.field); armed != before.timers().end()) {
        restore.kind = CellWrite::Kind::kSetTimer;
        restore.due = armed->second;
      }
      steps.push_back([restore = std::move(restore)](ShardImage& in) { in.Write(restore); });
      continue;
    }
    steps.push_back([strings = Restore(before.strings, write.key),
                     hashes = Restore(before.hashes, write.key),
                     indexes = Restore(before.indexes, write.key)](ShardImage& in) {
      strings(in.strings);
      hashes(in.hashes);
      indexes(in.indexes);
    });
  }
  return [steps = std::move(steps), meta = before.meta, generation = batch.generation,
          keep_meta = options.keep_offset_on_loss](ShardState& state) {
    auto found = state.generations.find(generation);
    if (found == state.generations.end()) return;
    for (const auto& step : steps) step(found->second);
    if (!keep_meta) found->second.meta = meta;
  };
}

Committed SimViewStorage::Commit(Shard shard, const GuardedBatch& batch) {
  ShardState& state = shards_[shard];
  ShardImage* generation = Find(state, batch.generation);
  if (generation == nullptr || generation->meta.fold_version != batch.fold_version) return {};
  ShardMeta& meta = generation->meta;
  if (meta.applied == batch.next && meta.digest == batch.digest) {
    return {true, generation->NextDue()};  // applied before
  }
  const bool at_prev = meta.applied == batch.prev;
  if (!at_prev && !(options.accept_ahead && meta.applied < batch.next)) return {};
  Remember(state, UndoOf(*generation, batch));
  // Strings first: as RedisView does it.
  for (const CellWrite& write : batch.writes) {
    if (write.kind == CellWrite::Kind::kSet) generation->Write(write);
  }
  for (const CellWrite& write : batch.writes) {
    if (write.kind != CellWrite::Kind::kSet) generation->Write(write);
  }
  meta.shard_time = batch.shard_time;
  meta.quiet = batch.quiet;
  meta.digest = batch.digest;
  if (!options.drop_marks) {
    for (const auto& [key, mark] : batch.marks) meta.marks[key] = mark;
  }
  meta.applied = batch.next;
  if (on_commit) on_commit(shard, batch);
  return {true, generation->NextDue()};
}

Future<Result<std::optional<Generation>>> SimView::Live(Shard shard) {
  return Call<std::optional<Generation>>(
      [&storage = storage_, shard] { return storage.shards_[shard].live; });
}

Future<Result<std::optional<View::Opened>>> SimView::Open(Shard shard, Generation generation) {
  return Call<std::optional<Opened>>(
      [&storage = storage_, told = told_, shard, generation]() -> std::optional<Opened> {
        const ShardImage* found = storage.Find(storage.shards_[shard], generation);
        if (found == nullptr) return std::nullopt;
        (*told)[{shard, generation}] = found->meta.applied;
        Opened opened{found->meta, found->NextDue()};
        if (storage.options.merge_streams) opened.meta.marks = MergeStreams(opened.meta.marks);
        return opened;
      });
}

Future<Result<Done>> SimView::Create(Shard shard, Generation generation, uint32_t fold_version) {
  return Call<Done>([&storage = storage_, shard, generation, fold_version] {
    SimViewStorage::ShardState& state = storage.shards_[shard];
    if (storage.Find(state, generation) != nullptr) return Done{};
    state.generations[generation].meta.fold_version = fold_version;
    storage.Remember(
        state, [generation](SimViewStorage::ShardState& in) { in.generations.erase(generation); });
    return Done{};
  });
}

Future<Result<bool>> SimView::SetLive(Shard shard, Generation generation, Offset applied) {
  return Call<bool>([&storage = storage_, shard, generation, applied] {
    SimViewStorage::ShardState& state = storage.shards_[shard];
    const ShardImage* found = storage.Find(state, generation);
    if (found == nullptr || found->meta.applied != applied) return false;
    storage.Remember(state,
                     [before = state.live](SimViewStorage::ShardState& in) { in.live = before; });
    state.live = generation;
    return true;
  });
}

Future<Result<Done>> SimView::Drop(std::vector<ShardGeneration> generations) {
  return Call<Done>([&storage = storage_, generations = std::move(generations)] {
    for (const auto& [shard, generation] : generations) {
      SimViewStorage::ShardState& state = storage.shards_[shard];
      auto dropped = state.generations.extract(generation);
      if (dropped.empty()) continue;
      storage.Remember(
          state, [generation, before = std::make_shared<ShardImage>(std::move(dropped.mapped()))](
                     SimViewStorage::ShardState& in) { in.generations[generation] = *before; });
    }
    return Done{};
  });
}

Future<Result<Done>> SimView::SetAttempt(Shard shard, Generation generation, Offset offset,
                                         uint32_t count) {
  return Call<Done>([&storage = storage_, shard, generation, offset, count] {
    SimViewStorage::ShardState& state = storage.shards_[shard];
    ShardImage* found = storage.Find(state, generation);
    if (found == nullptr || storage.options.drop_attempts) return Done{};
    ShardMeta& meta = found->meta;
    storage.Remember(state, [generation, before = meta.attempt_offset,
                             count_before = meta.attempt_count](SimViewStorage::ShardState& in) {
      auto at = in.generations.find(generation);
      if (at == in.generations.end()) return;
      at->second.meta.attempt_offset = before;
      at->second.meta.attempt_count = count_before;
    });
    meta.attempt_offset = offset;
    meta.attempt_count = count;
    return Done{};
  });
}

Future<Result<ViewRead>> SimView::Read(Shard shard, Generation generation,
                                       std::vector<CellRead> reads) {
  return Call<ViewRead>(
      [&storage = storage_, told = told_, shard, generation, reads = std::move(reads)] {
        ViewRead answer;
        answer.found.resize(reads.size());
        const ShardImage* found = storage.Find(storage.shards_[shard], generation);
        if (found != nullptr) {
          answer.applied = found->meta.applied;
          for (size_t i = 0; i < reads.size(); ++i) answer.found[i] = found->Read(reads[i]);
        }
        if (storage.options.hide_applied) answer.applied = (*told)[{shard, generation}];
        return answer;
      });
}

Future<Result<Committed>> SimView::Commit(Shard shard, GuardedBatch batch) {
  return Call<Committed>([&storage = storage_, told = told_, shard,
                          batch = std::make_shared<const GuardedBatch>(std::move(batch))] {
    const Committed committed = storage.Commit(shard, *batch);
    if (committed.applied) (*told)[{shard, batch->generation}] = batch->next;
    return committed;
  });
}

}  // namespace epigrid
