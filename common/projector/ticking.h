// Ticking: when the owner of a shard appends a Tick, and whether its clock can be trusted.
//
// A Tick is appended when a timer is due, at most one a second (but the next at once while timers
// are left that the last tick found due), and at least one in ten seconds. A clock that jumped by
// more than 30 s between two looks at it, or that differs by more from the log's append time of a
// record that was just read, is not trusted: then one Tick in ten seconds is all, until the log
// agrees again. Such a Tick cannot do harm: whoever folds a Tick ignores one that differs by more
// than 30 s from the log's own append time of it, which is as much a fact as the Tick.
#pragma once

#include <optional>

#include "common/base/clock.h"
#include "common/event_log/event_log.h"

namespace epigrid {

inline constexpr Duration kClockDifferenceMax = std::chrono::seconds(30);

// Whether a Tick with this time may move shard time, judged by when the log took it in.
bool TickIsCredible(Time tick, Time appended_at);

class Ticking {
 public:
  // Now and then (about ten times a second), with the wall clock.
  void Look(Time now);
  // A record was read: it cannot have been appended in the future.
  void RecordRead(Time now, Time appended_at);
  // The Tick that this owner appended last was read.
  void OwnTickRead(Time tick, Time appended_at);

  // Whether to append a Tick now. `applied` is how far the shard is folded.
  bool Due(Time now, Time shard_time, std::optional<Time> next_due, Offset applied) const;
  // A Tick was appended.
  void Appended(Time now, Offset at);

  bool trusted() const { return trusted_; }
  Offset appended_offset() const { return appended_offset_; }

 private:
  Time looked_at_;
  Time appended_at_;
  Offset appended_offset_ = 0;
  bool trusted_ = true;
};

}  // namespace epigrid
