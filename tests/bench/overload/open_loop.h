// OpenLoop: load that comes when it comes, whether the server keeps up or not: so many calls a
// second, each begun when it is due. A client that waits for its answers before it asks again would
// slow down with the server and hide what it does.
//
//   OpenLoop loop({.per_second = 500, .duration = 10s});
//   OpenLoopResult result = loop.Run([&](uint64_t number, OpenLoop::Ended ended) { ... });
//
// Latencies are counted from when a call was due, so that a generator that comes late counts it
// against what it measures, and says by how much (`late_seconds_p99`). Not more than
// `outstanding_max` calls are out at once; what is due then is not sent, and counted.
#pragma once

#include <grpcpp/support/status.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace epigrid::bench {

struct OpenLoopOptions {
  double per_second = 0;
  Duration duration{0};
  uint64_t first_number = 0;
  size_t outstanding_max = 2000;
};

struct OpenLoopResult {
  uint64_t due = 0;
  uint64_t not_sent = 0;
  std::map<std::string, uint64_t> ended;  // by reason; "" for those that succeeded
  std::vector<double> latencies_seconds;  // of those, sorted
  double late_seconds_p99 = 0;
  double seconds = 0;

  uint64_t succeeded() const { return ended.contains("") ? ended.at("") : 0; }
  double Percentile(double part) const;
};

class OpenLoop {
 public:
  using Ended = std::function<void(const grpc::Status&)>;
  // Begins the number-th call; `ended` is called on any thread.
  using Begin = std::function<void(uint64_t number, Ended ended)>;

  explicit OpenLoop(OpenLoopOptions options) : options_(options) {}
  OpenLoopResult Run(const Begin& begin);

 private:
  const OpenLoopOptions options_;
  std::mutex mutex_;  // for the next
  OpenLoopResult result_;
  std::atomic<size_t> outstanding_{0};
};

}  // namespace epigrid::bench
