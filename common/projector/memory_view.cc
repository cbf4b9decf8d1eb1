#include "common/projector/memory_view.h"

#include <fmt/format.h>

namespace epigrid {

MemoryView::MemoryView(ShardImage image, size_t bytes_max)
    : image_(std::move(image)), bytes_max_(bytes_max) {
  ImageCursor cursor(image_);
  while (const std::optional<CellWrite> write = cursor.Next()) {
    bytes_ += write->key.size() + write->field.size() + write->value.size();
  }
}

Future<Result<std::optional<Generation>>> MemoryView::Live(Shard) {
  return Ready(Result<std::optional<Generation>>(std::optional<Generation>()));
}

Future<Result<std::optional<View::Opened>>> MemoryView::Open(Shard, Generation) {
  return Ready(
      Result<std::optional<Opened>>(std::optional<Opened>({image_.meta, image_.NextDue()})));
}

Future<Result<Done>> MemoryView::Create(Shard, Generation, uint32_t) {
  return Ready(Result<Done>(Done{}));
}

// Nobody reads it.
Future<Result<bool>> MemoryView::SetLive(Shard, Generation, Offset) {
  return Ready(Result<bool>(false));
}

Future<Result<Done>> MemoryView::Drop(std::vector<ShardGeneration>) {
  return Ready(Result<Done>(Done{}));
}

// What is built aside has no attempts.
Future<Result<Done>> MemoryView::SetAttempt(Shard, Generation, Offset, uint32_t) {
  return Ready(Result<Done>(Done{}));
}

Future<Result<ViewRead>> MemoryView::Read(Shard, Generation, std::vector<CellRead> reads) {
  ViewRead answer;
  answer.applied = image_.meta.applied;
  answer.found.reserve(reads.size());
  for (const CellRead& read : reads) answer.found.push_back(image_.Read(read));
  return Ready(Result<ViewRead>(std::move(answer)));
}

Future<Result<Committed>> MemoryView::Commit(Shard, GuardedBatch batch) {
  ShardMeta& meta = image_.meta;
  if (meta.applied != batch.prev || meta.fold_version != batch.fold_version) {
    return Ready(Result<Committed>(Committed{}));
  }
  for (const CellWrite& write : batch.writes) {
    bytes_ -= image_.BytesAt(write);
    image_.Write(write);
    bytes_ += image_.BytesAt(write);
  }
  if (bytes_ > bytes_max_) {
    return Ready(Result<Committed>(ResourceExhausted(
        "AUDIT_TOO_LARGE",
        fmt::format("the shard's state has more than {} bytes of keys and values: allow audits "
                    "more memory (audit.memory_mib)",
                    bytes_max_))));
  }
  for (auto& [source, mark] : batch.marks) meta.marks[source] = mark;
  meta.shard_time = batch.shard_time;
  meta.quiet = batch.quiet;
  meta.digest = batch.digest;
  meta.applied = batch.next;
  return Ready(Result<Committed>(Committed{true, image_.NextDue()}));
}

}  // namespace epigrid
