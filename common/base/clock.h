// Time, as this project speaks of it: points are microseconds since the Unix epoch (UTC), and who
// needs the time is given a Clock. Folds have none: their time is the shard's
// (common/projector/fold.h).
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace epigrid {

using Duration = std::chrono::microseconds;

// A point in time, in microseconds since 1970-01-01T00:00:00Z. Zero means "not set".
struct Time {
  int64_t micros = 0;

  static constexpr Time FromMillis(int64_t millis) { return {millis * 1000}; }
  static constexpr Time FromSeconds(int64_t seconds) { return {seconds * 1'000'000}; }
  constexpr int64_t millis() const { return micros / 1000; }
  constexpr int64_t seconds() const { return micros / 1'000'000; }
  constexpr bool is_set() const { return micros != 0; }

  friend constexpr auto operator<=>(Time, Time) = default;
  friend constexpr Time operator+(Time t, Duration d) { return {t.micros + d.count()}; }
  friend constexpr Time operator-(Time t, Duration d) { return {t.micros - d.count()}; }
  friend constexpr Duration operator-(Time a, Time b) { return Duration(a.micros - b.micros); }
};

inline constexpr Time kEndOfTime{INT64_MAX};

class Clock {
 public:
  virtual ~Clock() = default;
  // The wall clock: what people and other systems call now.
  virtual Time Now() const = 0;
};

// The machine's own clock.
class SystemClock final : public Clock {
 public:
  Time Now() const override {
    return {std::chrono::duration_cast<std::chrono::microseconds>(
                std::chrono::system_clock::now().time_since_epoch())
                .count()};
  }
};

}  // namespace epigrid
