#include "tests/bench/system/closed_loop.h"

#include <algorithm>
#include <cmath>

namespace epigrid::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

class Loop {
 public:
  Loop(const LoadOptions& options, size_t channels, const IssueCall& issue)
      : issue_(issue),
        end_(SteadyClock::now() + options.duration),
        slots_(channels * options.in_flight),
        latencies_(slots_) {
    const auto begin = SteadyClock::now();
    running_ = slots_;
    for (size_t slot = 0; slot < slots_; ++slot) Next(slot, slot % channels);
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return running_ == 0; });
    result_.seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  }

  LoadResult Take() {
    for (const std::vector<double>& own : latencies_) {
      result_.latencies_seconds.insert(result_.latencies_seconds.end(), own.begin(), own.end());
    }
    std::sort(result_.latencies_seconds.begin(), result_.latencies_seconds.end());
    result_.calls = result_.latencies_seconds.size();
    result_.items = items_.load();
    result_.failed = failed_.load();
    return std::move(result_);
  }

 private:
  void Next(size_t slot, size_t channel) {
    const auto begin = SteadyClock::now();
    if (begin >= end_) {
      std::lock_guard lock(mutex_);
      if (--running_ == 0) ended_.notify_all();
      return;
    }
    issue_(channel, slot, number_.fetch_add(1, std::memory_order_relaxed),
           [this, slot, channel, begin](bool ok, size_t items) {
             if (ok) {
               items_.fetch_add(items, std::memory_order_relaxed);
               latencies_[slot].push_back(
                   std::chrono::duration<double>(SteadyClock::now() - begin).count());
             } else {
               failed_.fetch_add(1, std::memory_order_relaxed);
             }
             Next(slot, channel);
           });
  }

  const IssueCall& issue_;
  const SteadyClock::time_point end_;
  const size_t slots_;
  std::vector<std::vector<double>> latencies_;  // by slot: one writer each
  std::atomic<uint64_t> number_{0};
  std::atomic<uint64_t> items_{0};
  std::atomic<uint64_t> failed_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
  size_t running_ = 0;
  LoadResult result_;
};

}  // namespace

double LoadResult::Percentile(double part) const {
  if (latencies_seconds.empty()) return 0;
  const auto last = static_cast<double>(latencies_seconds.size() - 1);
  return latencies_seconds[static_cast<size_t>(std::lround(part * last))];
}

LoadResult RunClosedLoop(const LoadOptions& options, size_t channels, const IssueCall& issue) {
  return Loop(options, channels, issue).Take();
}

}  // namespace epigrid::bench
