// ShardProjector: folds one shard of one service, from one opening of its view to the first thing
// that goes wrong. A step machine without threads or timers of its own: its host feeds it records
// and tells it that time passes.
//
//   open ─▶ gather ─▶ load cells ─▶ prepare ─▶ apply ─▶ emit ─▶ acknowledged ─▶ guarded commit ─┐
//             ▲                                                                                 │
//             └─────────────────────────────────────────────────────────────────────────────────┘
//
//   ShardProjector projector(dependencies, options, callbacks);
//   projector.Start();                      // callbacks.seek(offset): feed me what comes after
//   projector.Feed(records);
//   projector.TimePasses();                 // about ten times a second
//   // callbacks.ended(status): destroy it, and begin again with a new one
//
// Two of them on one shard are harmless: the guard lets one pass, the other ends with VIEW_MOVED.
// Destroying it at any moment is a crash, as safe as the death of the process. It ends with
//   OK                             after Stop
//   ABORTED VIEW_MOVED             the view is not where this owner left it: begin again at once
//   UNAVAILABLE ...                the log or the view: begin again with back-off, and with another
//                                  producer if this one is broken
//   FAILED_PRECONDITION FOLD_VERSION_CHANGED   the view was made by another version of the fold
//
// In building mode it folds the given generation mute, beside the one that queries read: no ticks,
// no emissions; see rebuild.h.
//
// Threads: all on the scheduler's thread. Callbacks are called from Scheduler::Post, so that they
// may destroy it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/scheduler.h"
#include "common/base/task.h"
#include "common/event_log/event_log.h"
#include "common/projector/attempt_gate.h"
#include "common/projector/fold.h"
#include "common/projector/fold_turns.h"
#include "common/projector/observer.h"
#include "common/projector/record_folder.h"
#include "common/projector/record_queue.h"
#include "common/projector/snapshot.h"
#include "common/projector/ticking.h"
#include "common/projector/view.h"
#include "common/projector/work_budget.h"

namespace epigrid {

// All outlive the projector. In building mode `producer` is null; `observer` may always be.
struct ShardProjectorDependencies {
  Scheduler* scheduler = nullptr;
  EventLog* log = nullptr;
  Producer* producer = nullptr;
  View* view = nullptr;
  const Fold* fold = nullptr;
  ProjectorObserver* observer = nullptr;
  // Shared by the shards of a process; null: they do not wait.
  AttemptGate* attempt_gate = nullptr;
  WorkBudget* work_budget = nullptr;
  FoldTurns* fold_turns = nullptr;
};

// How often in a row a process died while it folded what follows an offset, the one that folds it
// now included; as the view keeps it. Written before such a fold and taken back when it has ended,
// before anything is emitted: a death at any other moment is no unclean end.
struct Attempt {
  Offset offset = 0;
  uint32_t count = 0;  // 0: none
  friend bool operator==(const Attempt&, const Attempt&) = default;
};

struct ShardProjectorOptions {
  Shard shard = 0;
  uint32_t shard_count = kDefaultShardCount;
  std::string instance;               // the actor of the records that the owner itself appends
  std::string configuration;          // bytes for Configured
  std::string configuration_version;  // SHA-256 of them in hexadecimal; see ConfigurationVersion
  Generation building = 0;            // not 0: builds this generation
  size_t writes_per_batch = 256;
  size_t events_per_gather = 256;
  size_t cache_bytes_max = 4 << 20;
  // After so many unclean ends at one offset it goes record by record.
  uint32_t unclean_ends_max = 2;
  // A record that was alone when the process died so often in a row is parked.
  uint32_t lone_ends_max = 3;
  // Before it is alone the first record waits for a random part of this, and a death meanwhile ends
  // the row: what kills the process anyway does not find the same record in hand each time.
  Duration lone_wait_max = std::chrono::seconds(5);
  // The attempt that this process itself wrote before and that is no unclean end: a view that was
  // not reachable.
  Attempt own_attempt;
};

struct ShardProjectorCallbacks {
  // The projector is open: records after this offset are wanted.
  std::function<void(Offset)> seek;
  // It has ended, and why.
  std::function<void(Status)> ended;
  // The record at this offset asks for a rebuild that was not done yet; told after opening, or when
  // the record has been committed. May be empty.
  std::function<void(Offset)> rebuild_requested;
};

// A number in a shard's log metadata. What is none was not written by this program.
uint64_t ParseOffset(std::string_view text);

std::string ConfigurationVersion(std::string_view configuration);

// Log metadata of an inbox shard, besides "parked:<offset>".
inline constexpr std::string_view kGenerationField = "generation";  // the newest that was begun
// Offset of the last request of a rebuild that was served, and the same offset if what was built
// differed from the live view, which was kept.
inline constexpr std::string_view kRebuiltField = "rebuilt";
inline constexpr std::string_view kRebuildDiffersField = "rebuild_differs";
// "<offset> <count>": how often the rebuild that is asked for at the offset was begun and not
// ended.
inline constexpr std::string_view kRebuildAttemptField = "rebuild_attempt";
// When the shard was audited last, and its snapshot kept: microseconds.
inline constexpr std::string_view kAuditedField = "audited";
// "drop:<generation>": one that nobody reads any more, or soon will not.
inline constexpr std::string_view kDropPrefix = "drop:";

class ShardProjector {
 public:
  ShardProjector(ShardProjectorDependencies dependencies, ShardProjectorOptions options,
                 ShardProjectorCallbacks callbacks);
  ~ShardProjector();
  ShardProjector(const ShardProjector&) = delete;

  void Start();
  // Records that follow the offset sought, in order, each once.
  void Feed(std::vector<LogRecord> records);
  // Looks at the clock.
  void TimePasses();
  // Ends after the batch in hand.
  void Stop();

  enum class State { kOpening, kCatchingUp, kLive, kEnded };
  State state() const { return state_; }
  // What was fed and is not yet folded; of its bytes those that are not yet gathered.
  Backlog queued() const {
    return {.records = queue_.backlog().records + gathered_.size(),
            .bytes = queue_.backlog().bytes};
  }
  // When the oldest record that is queued or in hand was appended.
  std::optional<Time> oldest_queued() const;
  Generation generation() const { return generation_; }
  // Whether queries read this generation.
  bool live() const { return live_; }
  // As of the last commit, without marks.
  const ShardMeta& committed() const { return committed_; }
  const ParkedRecords& parked() const { return folder_.parked; }
  bool clock_trusted() const { return ticking_.trusted(); }
  // That the view may hold although its fold has not killed this process; count 0: none.
  Attempt attempt() const { return attempt_; }
  // Generations that are to be dropped, as the log said on opening.
  const std::vector<Generation>& to_drop() const { return to_drop_; }
  // When the shard was audited last, as the log said on opening; unset: never.
  Time audited() const { return audited_; }
  // Whether everything fed is committed and nothing is under way.
  bool idle() const { return waiting_ && queued().records == 0; }

 private:
  bool building() const { return options_.building != 0; }
  // The count of attempts at which a record is parked.
  uint32_t kill_count() const { return options_.unclean_ends_max + options_.lone_ends_max; }
  TopicShard inbox() const { return {InboxTopic(fold_.service()), options_.shard}; }

  // Life: shard_projector.cc, and shard_projector_open.cc
  Task<void> Main();
  Task<Status> Life();
  Task<Status> Work();
  Task<Status> Open();
  Task<Status> ChooseGeneration(std::optional<Generation> newest_begun);
  // `*usable`: it is there, and can be folded on.
  Task<Status> OpenGeneration(Generation generation, bool* usable);
  Task<Status> BeginGeneration(Generation generation);
  Task<Status> LoadSnapshot(Generation generation, Snapshot snapshot);
  Task<Status> LoadRuntimeCells();
  Task<Status> BecomeLive();
  Task<Status> AppendOwn(std::vector<Event> events, Offset* last);
  Task<Status> AppendTick();
  Future<Done> NextWork();
  void Wake();
  void PostCallback(std::function<void()> callback);

  // Before each piece of work; else it waits for the next turn.
  bool TurnIsOver() { return fold_turns_ != nullptr && !fold_turns_->Take(); }

  // Batches: shard_projector_batch.cc
  Task<Status> FoldBatch();
  void Gather();
  Task<Status> ExpandTick(GatheredRecord& gathered);
  Task<Status> ExpandUnparked(GatheredRecord& gathered);
  Task<Status> KeepParkReason(const GatheredRecord& gathered);
  Task<Status> AwaitTurn();
  Task<Status> BeginAttempt();
  Task<Status> TakeAttemptBack();
  Task<Status> Prepare();
  Task<Status> Prefetch();
  Task<Status> Load(std::vector<CellRead> missing);
  Task<Status> ApplyRecord(GatheredRecord& gathered);
  Task<Status> Emit();
  Task<Status> Commit(size_t records, size_t events);

  Scheduler& scheduler_;
  EventLog& log_;
  Producer* const producer_;
  View& view_;
  const Fold& fold_;
  ProjectorObserver* const observer_;
  AttemptGate* const attempt_gate_;
  WorkBudget* const work_budget_;
  FoldTurns* const fold_turns_;
  const ShardProjectorOptions options_;
  const ShardProjectorCallbacks callbacks_;

  State state_ = State::kOpening;
  bool stop_ = false;
  bool live_ = false;  // queries read this generation
  Generation generation_ = 0;
  Offset catch_up_to_ = 0;  // a generation that nobody reads yet becomes live when it is here
  bool configuration_checked_ = false;
  Offset rebuilt_ = 0;    // the last request of a rebuild that was served
  Offset floor_ = 0;      // emission is certain up to here
  Offset log_start_ = 0;  // the inbox was cut up to here
  Time audited_;
  ShardMeta committed_;
  std::optional<Time> next_due_;
  std::map<Offset, std::string> parked_in_log_;  // reason by offset, from the log's metadata
  std::vector<Generation> to_drop_;
  Attempt attempt_;                              // written and not taken back
  Attempt attempt_found_;                        // before it was written
  bool attempt_begun_ = false;                   // the first batch has an attempt
  std::unique_ptr<AttemptGate::Ticket> ticket_;  // until the batch is folded
  std::unique_ptr<WorkBudget::Share> share_;     // until the commit
  size_t careful_records_ = 0;                   // so many more are folded one by one
  uint32_t looks_since_commit_ = 0;
  Ticking ticking_;
  Time own_tick_;  // of the one appended last

  RecordQueue queue_;
  RecordFolder folder_;
  std::deque<GatheredRecord> gathered_;  // parsed, and not yet applied
  std::vector<GatheredRecord*> fresh_;   // those that came in with the batch in hand
  std::vector<NewRecord> emitted_;       // of the batch in hand
  Time oldest_in_hand_;                  // append time of the batch's first record
  NeedSet needs_;

  std::optional<Promise<Done>> waiting_;
  std::shared_ptr<ShardProjector*> self_;  // empties when it is destroyed
  Task<void> main_;                        // last: its frame refers to all of the above
};

}  // namespace epigrid
