#include "common/projector/ticking.h"

namespace epigrid {
namespace {

constexpr Duration kTickPeriodMin = std::chrono::seconds(1);
constexpr Duration kTickPeriodMax = std::chrono::seconds(10);

bool FarApart(Time a, Time b) {
  const Duration difference = a - b;
  return difference > kClockDifferenceMax || difference < -kClockDifferenceMax;
}

}  // namespace

bool TickIsCredible(Time tick, Time appended_at) { return !FarApart(tick, appended_at); }

void Ticking::Look(Time now) {
  if (looked_at_.is_set() && FarApart(now, looked_at_)) trusted_ = false;
  looked_at_ = now;
}

void Ticking::RecordRead(Time now, Time appended_at) {
  if (appended_at - now > kClockDifferenceMax) trusted_ = false;
}

void Ticking::OwnTickRead(Time tick, Time appended_at) {
  trusted_ = TickIsCredible(tick, appended_at);
}

bool Ticking::Due(Time now, Time shard_time, std::optional<Time> next_due, Offset applied) const {
  if (applied < appended_offset_) return false;  // the last one is still to be folded
  const Duration since = now - appended_at_;
  // A clock that was set back must not stop the ticks.
  if (!appended_at_.is_set() || since >= kTickPeriodMax || since < -kTickPeriodMin) return true;
  if (!trusted_ || !next_due.has_value()) return false;
  if (*next_due <= shard_time) return true;
  return *next_due <= now && since >= kTickPeriodMin;
}

void Ticking::Appended(Time now, Offset at) {
  appended_at_ = now;
  appended_offset_ = at;
}

}  // namespace epigrid
