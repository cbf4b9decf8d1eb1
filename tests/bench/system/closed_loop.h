// ClosedLoop: load by callers who each wait for their answer before they ask again.
//
//   LoadResult result = RunClosedLoop({.channels = 2, .in_flight = 32, .duration = 3s}, channels,
//       [&](grpc::Channel& channel, uint64_t number, std::function<void(bool ok, size_t items)> done) { ... });
//
// `issue` begins the number-th call on the channel and lets `done` be called, on any thread, when
// it is answered.
#pragma once

#include <grpcpp/channel.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "common/base/clock.h"

namespace epigrid::bench {

struct LoadOptions {
  uint32_t in_flight = 32;  // per channel
  Duration duration = std::chrono::seconds(3);
};

struct LoadResult {
  uint64_t calls = 0;
  uint64_t items = 0;
  uint64_t failed = 0;
  double seconds = 0;
  std::vector<double> latencies_seconds;  // sorted

  double calls_per_second() const { return static_cast<double>(calls) / seconds; }
  double items_per_second() const { return static_cast<double>(items) / seconds; }
  double Percentile(double part) const;
};

using CallDone = std::function<void(bool ok, size_t items)>;
// `slot` names the caller, 0 to channels × in_flight - 1: it may keep messages of its own.
using IssueCall = std::function<void(size_t channel, size_t slot, uint64_t number, CallDone done)>;

LoadResult RunClosedLoop(const LoadOptions& options, size_t channels, const IssueCall& issue);

}  // namespace epigrid::bench
