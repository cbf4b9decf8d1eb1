// ShardBuilder: folds a generation mute, beside the one that queries read, up to offsets that its
// owner names: for a rebuild, into the view; for an audit, into memory.
//
//   ShardBuilder builder(dependencies, options);        // options.building says which generation
//   builder.Start();
//   while (!builder.At(limit)) EPIGRID_CO_RETURN_IF_ERROR(co_await builder.Advance(limit));
//
// Threads: the scheduler's.
#pragma once

#include <optional>

#include "common/projector/shard_projector.h"

namespace epigrid {

class ShardBuilder {
 public:
  // Needs neither producer nor observer. options.building is set.
  ShardBuilder(ShardProjectorDependencies dependencies, ShardProjectorOptions options);

  void Start() { projector_.Start(); }
  // Feeds what comes next, never beyond `limit`, or waits a little. An error of log or view, or of
  // the fold: it is over.
  Task<Status> Advance(Offset limit);

  bool open() const { return open_; }
  // Whether all that it was fed, up to `limit` or beyond, is folded.
  bool Reached(Offset limit) const { return open_ && projector_.idle() && fed_ >= limit; }
  // Whether it is there exactly.
  bool At(Offset limit) const { return Reached(limit) && committed().applied == limit; }
  Offset fed() const { return fed_; }
  const ShardMeta& committed() const { return projector_.committed(); }
  const ParkedRecords& parked() const { return projector_.parked(); }

 private:
  Scheduler& scheduler_;
  EventLog& log_;
  const TopicShard inbox_;
  bool open_ = false;
  std::optional<Status> ended_;
  Offset fed_ = 0;
  ShardProjector projector_;
};

}  // namespace epigrid
