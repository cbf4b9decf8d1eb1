// MemoryView: a view of one shard in one generation, held in memory: what an audit folds into. It
// does what view.h says and answers at once.
//
//   MemoryView view(std::move(image), /*bytes_max=*/2 << 30);
//   ShardProjector builder({.view = &view, ...}, {.building = MemoryView::kGeneration, ...}, ...);
//   ...
//   view.image()
//
// Threads: one at a time.
#pragma once

#include "common/projector/shard_image.h"
#include "common/projector/view.h"

namespace epigrid {

class MemoryView final : public View {
 public:
  static constexpr Generation kGeneration = 1;

  // A Commit that lets keys and values grow beyond `bytes_max` fails with RESOURCE_EXHAUSTED
  // AUDIT_TOO_LARGE. In memory they take about twice as much.
  MemoryView(ShardImage image, size_t bytes_max);

  const ShardImage& image() const { return image_; }
  size_t bytes() const { return bytes_; }

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
  ShardImage image_;
  const size_t bytes_max_;
  size_t bytes_ = 0;
};

}  // namespace epigrid
