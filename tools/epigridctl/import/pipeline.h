// RunPipeline: drives the batches of one file: several in flight, counted in the file's order.
//
//   read ─▶ send ─▶ send ─▶ send ─▶ count (in order) ─▶ rejects, progress, save
//           └──── in flight ────┘
//
// Whatever ends it, what is saved is a place in the file before which every row was answered: an
// import that goes on from there loses nothing, and sends again at most what was in flight.
#pragma once

#include <functional>

#include "tools/epigridctl/import/batches.h"
#include "tools/epigridctl/import/state.h"
#include "tools/epigridctl/waiter.h"

namespace epigrid::ctl {

struct PipelineOptions {
  size_t batch_rows = 1000;
  size_t in_flight = 4;        // batches
  double rows_per_second = 0;  // 0: as fast as it goes
};

// All called from the thread that runs the pipeline.
struct PipelineHooks {
  std::function<Status(const Reject&)> reject;
  // Has to be durable when it returns, rejects and keys included.
  std::function<Status(const FileProgress&)> save;
  std::function<void(const FileProgress&, double fraction_read)> show;
};

// Goes on with `progress` and leaves it at what is saved. OK at the end of the file; CANCELLED
// INTERRUPTED; the first error of the source, a batch or a hook.
Status RunPipeline(BatchSource& source, const PipelineOptions& options, const PipelineHooks& hooks,
                   Waiter& waiter, FileProgress& progress);

}  // namespace epigrid::ctl
