#include "tests/bench/overload/open_loop.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "common/rpc/status_details.h"

namespace epigrid::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

double At(const std::vector<double>& sorted, double part) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<size_t>(std::lround(part * static_cast<double>(sorted.size() - 1)))];
}

double SecondsSince(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

}  // namespace

double OpenLoopResult::Percentile(double part) const { return At(latencies_seconds, part); }

OpenLoopResult OpenLoop::Run(const Begin& begin) {
  const auto start = SteadyClock::now();
  const auto total = static_cast<uint64_t>(
      options_.per_second * std::chrono::duration<double>(options_.duration).count());
  std::vector<double> late;
  late.reserve(total);
  for (uint64_t i = 0; i < total; ++i) {
    const auto due =
        start + std::chrono::duration_cast<SteadyClock::duration>(
                    std::chrono::duration<double>(static_cast<double>(i) / options_.per_second));
    // A sleep costs more than a call: what is due within the same half millisecond goes together.
    if (due - SteadyClock::now() > std::chrono::microseconds(500))
      std::this_thread::sleep_until(due);
    late.push_back(std::max(0.0, SecondsSince(due)));
    if (outstanding_.load() >= options_.outstanding_max) {
      ++result_.not_sent;
      continue;
    }
    ++outstanding_;
    begin(options_.first_number + i, [this, due](const grpc::Status& status) {
      const double took = SecondsSince(due);
      const std::string reason = status.ok() ? "" : FromGrpcStatus(status).reason();
      {
        std::lock_guard lock(mutex_);
        ++result_.ended[reason];
        if (status.ok()) result_.latencies_seconds.push_back(took);
      }
      --outstanding_;
    });
  }
  result_.seconds = SecondsSince(start);
  while (outstanding_.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  result_.due = total;
  std::sort(result_.latencies_seconds.begin(), result_.latencies_seconds.end());
  std::sort(late.begin(), late.end());
  result_.late_seconds_p99 = At(late, 0.99);
  return std::move(result_);
}

}  // namespace epigrid::bench
