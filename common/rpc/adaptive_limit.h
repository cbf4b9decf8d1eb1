// AdaptiveLimit: how many calls may be in flight, found out from how long they take. While calls
// take as long as they do without load, more are let in; when they take clearly longer, fewer.
//
//   AdaptiveLimit limit(4096);
//   MethodLatency& gets = limit.AddMethod();
//   limit.Sample(gets, took);              // of each call
//   limit.Adjust(peak_in_flight, reached);  // every kAdjustEvery
//   limit.value();
//
// A call is measured against others of its own method: reads take a fraction of a millisecond and
// decided commands as long as the fold does. Of each method two means are kept: what its calls take
// lately (over some ten of them) and what they take without load. The limit follows the method that
// is stretched the most, since a few case reports that wait for an overloaded fold would be lost
// among thousands of quick reads.
//
// The rule, every kAdjustEvery: with `stretch` = recent / (kTolerance × no load + kSlack),
//   stretch > 1             limit := min(limit, peak in flight) × max(1/2, 1 / stretch), at least kLeast
//   else, if it was reached limit := limit + √limit, at most what it was made with
//
// The mean without load falls quickly to what is measured. It rises slowly, and only while the
// limit holds nobody back or is down at kLeast: else an overload that lasts would come to be taken
// for the usual. At kLeast there is no load to take away, so what is measured there is what can be
// had.
//
// The kind is that of Netflix's concurrency-limits (Gradient2) and Envoy's adaptive concurrency
// filter; docs/decisions/0021-lower-classes-yield.md says what differs and why.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <deque>

#include "common/base/clock.h"

namespace epigrid {

class MethodLatency {
 public:
  // Seconds; 0: not known yet.
  double recent_seconds() const { return recent_; }
  double no_load_seconds() const { return no_load_; }

 private:
  friend class AdaptiveLimit;
  double recent_ = 0;
  double no_load_ = 0;
  uint32_t samples_ = 0;
  bool sampled_ = false;  // since the last look
};

class AdaptiveLimit {
 public:
  static constexpr Duration kAdjustEvery = std::chrono::milliseconds(100);
  static constexpr uint32_t kLeast = 32;
  static constexpr double kTolerance = 2;
  // below it differences are the machine's, not load's
  static constexpr double kSlackSeconds = 0.001;
  static constexpr uint32_t kSamplesToKnow = 50;

  explicit AdaptiveLimit(uint32_t most);

  // The reference lasts.
  MethodLatency& AddMethod() { return methods_.emplace_back(); }
  void Sample(MethodLatency& method, Duration took);
  // `peak_in_flight`: the most that were in flight since the last time; `reached`: whether somebody
  // was held back.
  void Adjust(uint32_t peak_in_flight, bool reached);

  uint32_t value() const { return static_cast<uint32_t>(limit_); }

 private:
  // Over 1: overloaded.
  double WorstStretch() const;
  void LearnNoLoad(bool may_rise);

  const double most_;
  double limit_;
  std::deque<MethodLatency> methods_;
};

}  // namespace epigrid
