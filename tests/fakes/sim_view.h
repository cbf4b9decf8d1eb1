// SimView: the view of the simulation, in memory. SimViewStorage is one service's Redis, SimView
// one process's client of it.
//
//   SimViewStorage storage;
//   SimView view(storage, process);
//   storage.LoseTail(shard, 3);      // a failover: the shard is as it was three writes ago
//   storage.LoseAll(shard);
//
// It passes tests/component/view_contract.h, and sim_view_test.cc holds it against RedisView on the
// same random operations. Calls take time and may fail, also after they were applied (SimLink).
//
// Threads: one.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/projector/shard_image.h"
#include "common/projector/view.h"
#include "tests/fakes/sim_link.h"

namespace epigrid {

struct SimViewOptions {
  // To break the view, so that a test can show that it notices.
  bool accept_ahead = false;         // a batch that is merely ahead of the view, not at it
  bool drop_marks = false;           // no high-water marks
  bool merge_streams = false;        // one mark per source shard, not per stream and source shard
  bool hide_applied = false;         // a read says that the view is where its reader left it
  bool keep_offset_on_loss = false;  // a failover loses cells, but not the offset
  bool drop_attempts = false;        // no attempts
};

class SimViewStorage {
 public:
  SimViewOptions options;
  SimLinkOptions link;
  // Called for each batch that was applied, after it.
  std::function<void(Shard, const GuardedBatch&)> on_commit;

  // The live generation; null: there is none.
  const ShardImage* Live(Shard shard) const;
  const ShardImage* Find(Shard shard, Generation generation) const;
  // Writes that LoseTail could take back now.
  size_t history(Shard shard) { return shards_[shard].undo.size(); }
  // Takes back the shard's last writes, at most kHistory.
  void LoseTail(Shard shard, size_t writes);
  void LoseAll(Shard shard) { shards_[shard] = {}; }

 private:
  friend class SimView;
  static constexpr size_t kHistory = 24;

  struct ShardState {
    std::optional<Generation> live;
    std::map<Generation, ShardImage> generations;
    std::deque<std::function<void(ShardState&)>> undo;  // newest last
  };

  ShardImage* Find(ShardState& state, Generation generation);
  void Remember(ShardState& state, std::function<void(ShardState&)> undo);
  std::function<void(ShardState&)> UndoOf(const ShardImage& before,
                                          const GuardedBatch& batch) const;
  Committed Commit(Shard shard, const GuardedBatch& batch);

  std::map<Shard, ShardState> shards_;
};

class SimView final : public View {
 public:
  // The storage outlives it and everything that it has sent.
  SimView(SimViewStorage& storage, const SimProcess& process)
      : storage_(storage), link_(process.mailbox(), &storage.link) {}

  Future<Result<std::optional<Generation>>> Live(Shard shard) override;
  Future<Result<std::optional<Opened>>> Open(Shard shard, Generation generation) override;
  Future<Result<Done>> Create(Shard shard, Generation generation, uint32_t fold_version) override;
  Future<Result<bool>> SetLive(Shard shard, Generation generation, Offset applied) override;
  Future<Result<Done>> Drop(std::vector<ShardGeneration> generations) override;
  Future<Result<Done>> SetAttempt(Shard shard, Generation generation, Offset offset,
                                  uint32_t count) override;
  Future<Result<ViewRead>> Read(Shard shard, Generation generation,
                                std::vector<CellRead> reads) override;
  Future<Result<Committed>> Commit(Shard shard, GuardedBatch batch) override;

 private:
  // What this client was told last, for a view that hides that it has moved.
  using Told = std::map<std::pair<Shard, Generation>, Offset>;

  template <typename T>
  Future<Result<T>> Call(std::function<Result<T>()> effect) {
    return link_.Call<T>(std::move(effect), "VIEW_UNAVAILABLE");
  }

  SimViewStorage& storage_;
  SimLink link_;
  const std::shared_ptr<Told> told_ = std::make_shared<Told>();
};

}  // namespace epigrid
