#include "tools/epigridctl/import/pipeline.h"

#include <algorithm>
#include <deque>
#include <future>

namespace epigrid::ctl {
namespace {

constexpr Duration kSaveInterval = std::chrono::seconds(1);

Status Interrupted() { return {Code::kCancelled, "INTERRUPTED", "the import was stopped"}; }

class Pipeline {
 public:
  Pipeline(BatchSource& source, const PipelineOptions& options, const PipelineHooks& hooks,
           Waiter& waiter, FileProgress& progress)
      : source_(source),
        options_(options),
        hooks_(hooks),
        waiter_(waiter),
        progress_(progress),
        saved_at_(waiter.Elapsed()),
        next_start_(waiter.Elapsed()) {}

  Status Run() {
    Status end = ReadAndSend();
    // What is in flight is counted too: its rows were sent, and may well have been taken.
    while (!flying_.empty()) {
      const Status counted = CountFirst();
      if (end.ok()) end = counted;
    }
    if (end.ok()) progress_.done = true;
    const Status saved = hooks_.save(progress_);
    hooks_.show(progress_, end.ok() ? 1 : source_.fraction_read());
    return end.ok() ? saved : end;
  }

 private:
  struct Flying {
    std::unique_ptr<ImportBatch> batch;
    std::future<Result<std::vector<Reject>>> sent;
  };

  Status ReadAndSend() {
    while (true) {
      if (flying_.size() >= options_.in_flight) EPIGRID_RETURN_IF_ERROR(CountFirst());
      if (waiter_.interrupted()) return Interrupted();
      EPIGRID_ASSIGN_OR_RETURN(std::unique_ptr<ImportBatch> batch,
                               source_.Next(options_.batch_rows));
      if (batch == nullptr) return OkStatus();
      if (!WaitForRate(batch->rows)) return Interrupted();
      ImportBatch& sending = *batch;
      flying_.push_back({std::move(batch),
                         std::async(std::launch::async, [&sending] { return sending.Send(); })});
    }
  }

  // False if it was interrupted.
  bool WaitForRate(uint64_t rows) {
    if (options_.rows_per_second <= 0) return true;
    const Duration now = waiter_.Elapsed();
    if (next_start_ > now && !waiter_.WaitFor(next_start_ - now)) return false;
    next_start_ =
        std::max(next_start_, now) +
        Duration(static_cast<int64_t>(static_cast<double>(rows) * 1e6 / options_.rows_per_second));
    return true;
  }

  // After a failure nothing is counted any more, since rows before it are missing.
  Status CountFirst() {
    const std::unique_ptr<ImportBatch> batch = std::move(flying_.front().batch);
    const Result<std::vector<Reject>> sent = flying_.front().sent.get();
    flying_.pop_front();
    EPIGRID_RETURN_IF_ERROR(failure_);
    failure_ = Count(*batch, sent);
    return failure_;
  }

  Status Count(const ImportBatch& batch, const Result<std::vector<Reject>>& sent) {
    EPIGRID_RETURN_IF_ERROR(sent.status());
    for (const Reject& reject : *sent) EPIGRID_RETURN_IF_ERROR(hooks_.reject(reject));
    progress_.position = batch.end;
    progress_.rows += batch.rows;
    progress_.rejected += sent->size();
    hooks_.show(progress_, source_.fraction_read());
    if (waiter_.Elapsed() - saved_at_ < kSaveInterval) return OkStatus();
    saved_at_ = waiter_.Elapsed();
    return hooks_.save(progress_);
  }

  BatchSource& source_;
  const PipelineOptions& options_;
  const PipelineHooks& hooks_;
  Waiter& waiter_;
  FileProgress& progress_;
  std::deque<Flying> flying_;
  Status failure_;
  Duration saved_at_;
  Duration next_start_;
};

}  // namespace

Status RunPipeline(BatchSource& source, const PipelineOptions& options, const PipelineHooks& hooks,
                   Waiter& waiter, FileProgress& progress) {
  return Pipeline(source, options, hooks, waiter, progress).Run();
}

}  // namespace epigrid::ctl
