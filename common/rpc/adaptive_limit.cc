#include "common/rpc/adaptive_limit.h"

#include <algorithm>
#include <cmath>

namespace epigrid {
namespace {

constexpr double kRecentShare = 0.2;  // of a sample in the recent mean
constexpr double kFallShare = 0.25;   // of the recent mean in that without load, each time
constexpr double kRiseShare = 0.01;   // the same when it rises: some ten seconds to be believed
constexpr double kSampleMax = 20;     // times the mean without load: one hiccup is no overload
constexpr double kDecreaseMost = 0.5;
constexpr double kInitial = 512;

}  // namespace

AdaptiveLimit::AdaptiveLimit(uint32_t most)
    : most_(std::max<double>(most, kLeast)), limit_(std::min(most_, kInitial)) {}

void AdaptiveLimit::Sample(MethodLatency& method, Duration took) {
  double seconds = std::max(1e-6, std::chrono::duration<double>(took).count());
  if (method.samples_ == 0) method.recent_ = method.no_load_ = seconds;
  seconds = std::min(seconds, kSampleMax * (method.no_load_ + kSlackSeconds));
  method.recent_ += (seconds - method.recent_) * kRecentShare;
  method.sampled_ = true;
  if (method.samples_ < kSamplesToKnow) {
    ++method.samples_;
    // What is cold is slow: not before it has run for a while is the least known.
    method.no_load_ = method.recent_;
  }
}

double AdaptiveLimit::WorstStretch() const {
  double worst = 0;
  for (const MethodLatency& method : methods_) {
    if (!method.sampled_ || method.samples_ < kSamplesToKnow) continue;
    worst = std::max(worst, method.recent_ / (kTolerance * method.no_load_ + kSlackSeconds));
  }
  return worst;
}

void AdaptiveLimit::LearnNoLoad(bool may_rise) {
  for (MethodLatency& method : methods_) {
    if (!method.sampled_) continue;
    method.sampled_ = false;
    const double difference = method.recent_ - method.no_load_;
    if (difference < 0) {
      method.no_load_ += difference * kFallShare;
    } else if (may_rise) {
      method.no_load_ += difference * kRiseShare;
    }
  }
}

void AdaptiveLimit::Adjust(uint32_t peak_in_flight, bool reached) {
  const double stretch = WorstStretch();
  LearnNoLoad(/*may_rise=*/!reached || limit_ <= kLeast);
  if (stretch > 1) {
    const double from = std::min<double>(limit_, peak_in_flight);
    limit_ = std::max<double>(kLeast, from * std::max(kDecreaseMost, 1 / stretch));
  } else if (reached) {
    limit_ = std::min(most_, limit_ + std::sqrt(limit_));
  }
}

}  // namespace epigrid
