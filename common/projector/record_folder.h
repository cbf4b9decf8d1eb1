// RecordFolder: what one inbox record does to a shard's state, given that the cells it needs are
// loaded. The part of the projector that waits for nothing.
//
// A record is taken apart into steps, each of which needs its cells and is applied alone:
//   an event of the record, a timer that a Tick found due, or an event that was parked.
// ShardProjector (shard_projector.h) loads, calls these in order, emits and commits.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/projector/cells.h"
#include "common/projector/emission.h"
#include "common/projector/fold.h"
#include "common/projector/observer.h"
#include "common/projector/parking.h"
#include "common/projector/view.h"

namespace epigrid {

inline constexpr std::string_view kIgnoredCell = "ignored";
inline constexpr std::string_view kConfiguredCell = "configured";
inline constexpr std::string_view kRebuildCell = "rebuild";
inline constexpr size_t kIgnoredEventsKept = 64;

struct FoldStep {
  enum class Kind : uint8_t { kEvent, kTimer, kWaiting };
  Kind kind = Kind::kEvent;
  uint32_t index = 0;               // within the record
  Event* event = nullptr;           // kEvent, kWaiting
  Time recorded_at;                 // of the command that began it
  const Envelope* cause = nullptr;  // kWaiting: the record it was of
  Timer timer;                      // kTimer
  Waiting origin;                   // kWaiting: the record and event it was
  std::optional<Waiting> done;      // kWaiting: what waits no more after this step
};

// One record on its way through a batch.
struct GatheredRecord {
  LogRecord record;
  Envelope envelope;
  std::string park_reason;  // not empty: it cannot be folded
  std::string mark;         // of its position, by which meta.marks knows it; empty: it has none
  bool repeated = false;    // its position is at or below the mark
  std::vector<FoldStep> steps;
  std::deque<Envelope> waiting;  // the records of parked events, which steps point into
  bool more_waiting = false;     // Unparked: this is not all that waits

  bool prepared = false;  // ShardProjector: it has been through Prepare and Prefetch

  void Park(std::string_view reason) {
    park_reason = reason;
    steps.clear();
  }
  // It reads what only the view knows, so that nothing may be written before it in its batch.
  bool begins_batch() const { return is_tick() || is_unparked(); }
  bool is_tick() const { return Holds(Event::kTick); }
  bool is_unparked() const { return Holds(Event::kUnparked); }

 private:
  bool Holds(Event::KindCase kind) const {
    return park_reason.empty() && envelope.events_size() == 1 &&
           envelope.events(0).kind_case() == kind;
  }
};

// The reason why this envelope cannot be folded as it is; empty: it can.
std::string_view ParkReason(bool parsed, const Envelope& envelope);

class RecordFolder {
 public:
  // `fold` and `observer` outlive it; `observer` may be null.
  RecordFolder(const Fold& fold, Emitter self, ProjectorObserver* observer);

  // --- state: begins at what the view says, and is written by the steps
  ShardMeta meta;
  Cells cells;
  ParkedRecords parked;

  // Parses the record and takes its events apart. Ticks and Unparked get their steps by the two
  // calls below.
  GatheredRecord Open(LogRecord record) const;
  void AddTimers(GatheredRecord& gathered, std::vector<Timer> timers) const;
  // Whether an Unparked record may fold this too. A step's place is part of the version of what it
  // changes (version.h), so that a record has room for kEventsPerRecordMax steps.
  static bool HasRoomFor(const Waiting& waiting, const GatheredRecord& gathered);
  // `record` is the one at waiting.offset; nullptr: the log has it no more. False: it still cannot
  // be folded, and nothing behind it may be.
  bool AddWaiting(GatheredRecord& gathered, const Waiting& waiting, const LogRecord* record) const;

  // The cells that a step needs, as far as can be said with what is loaded.
  void Needs(const FoldStep& step, NeedSet& needs) const;
  // Those that any step may need.
  void CommonNeeds(NeedSet& needs) const;
  // Those that an Unparked record of this one needs, besides those of its steps.
  void UnparkedNeeds(Offset root, NeedSet& needs) const;

  // In this order, for each record: BeginRecord; if true, each step; EndRecord.
  // False: the record changes nothing (a repetition, or it is parked now).
  bool BeginRecord(GatheredRecord& gathered);
  void Apply(GatheredRecord& gathered, FoldStep& step);
  // Appends what the record emits to `out`, unless `mute`.
  void EndRecord(GatheredRecord& gathered, bool mute, std::vector<NewRecord>& out);

  // Marks that changed since this was called last.
  std::map<std::string, Mark> TakeChangedMarks() { return std::exchange(changed_marks_, {}); }
  bool IsRepeated(const GatheredRecord& gathered) const;
  // Of the last record that asked for a rebuild since this was called last; 0: none did.
  Offset TakeRebuildRequested() { return std::exchange(rebuild_requested_, 0); }

 private:
  std::vector<std::string> EntitiesOf(const Envelope& envelope, const std::string& key) const;
  void ApplyEvent(GatheredRecord& gathered, FoldStep& step);
  void ApplyTimer(GatheredRecord& gathered, const FoldStep& step);
  bool Waits(const std::string& entity) const;
  void ApplyRuntimeEvent(const GatheredRecord& gathered, const Event& event);
  void FinishUnparked(GatheredRecord& gathered);
  // `at`: where the event stands that was folded, for what it ignores.
  void Collect(Context& context, const Waiting& at, const FoldStep& step);
  void Ignored(Offset offset, uint32_t index, std::string_view reason);

  const Fold& fold_;
  const std::vector<std::string> publications_;
  const Emitter self_;
  ProjectorObserver* const observer_;
  std::vector<Emission> emissions_;  // of the record in hand
  uint64_t changes_before_ = 0;      // cells.changes() when the record in hand began
  std::map<std::string, Mark> changed_marks_;
  Offset rebuild_requested_ = 0;
};

}  // namespace epigrid
