// Snapshots: the state that a shard had at an offset of its inbox, kept in the log itself, so that
// every instance can begin from it and a backup of the log holds it.
//
//   <service>.snapshots / s:   header ─ cells ─ cells ─ … ─ footer     header ─ cells ─ …
//                              └────────── one snapshot ─────────┘     └─ being written ─
//
// One that lacks a part counts for nothing: its writer died. Two writers may get into each other's
// way (an owner and a zombie), but not into each other's snapshots: each record names its own.
//
// Written by Audit (audit.h), read by it and by ShardProjector where a view has to begin anew.
// Threads: the scheduler's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/task.h"
#include "common/event_log/event_log.h"
#include "common/projector/fold.h"
#include "common/projector/shard_image.h"
#include "common/projector/view.h"

namespace epigrid {

// "health_code.snapshots".
std::string SnapshotTopic(std::string_view service);

// A snapshot that stands in the log.
struct Snapshot {
  std::string id;
  Offset applied = 0;  // the last record of the inbox that is in it
  uint32_t fold_version = 0;
  Time written_at;       // its header, by the log's clock
  Offset first = 0;      // its header's offset
  Offset last = 0;       // its last record's, so far
  uint32_t records = 0;  // so far
  bool complete = false;
};

// All whose headers are there, in the order in which they were begun.
Task<Result<std::vector<Snapshot>>> ListSnapshots(EventLog& log, TopicShard of);

// The one from which a shard begins: the newest complete one of this version of the fold that the
// inbox goes on from; nullptr: there is none. `start`: of the inbox. Where the inbox was cut, one
// of another version that the fold says it can read does too; while all facts are there, a changed
// fold is to fold them.
const Snapshot* ChooseSnapshot(const std::vector<Snapshot>& all, const Fold& fold, Offset start);

// FAILED_PRECONDITION SNAPSHOT_MISSING: the inbox was cut, and nothing tells what was before.
Status SnapshotMissing(const TopicShard& inbox, Offset start, uint32_t fold_version);

// Appends the image, in parts, each acknowledged before the next. Errors of the producer.
Task<Status> WriteSnapshot(Producer& producer, TopicShard to, std::string id,
                           const ShardImage& image);

// Reads one snapshot, part by part.
//
//   SnapshotReader reader(log, of, snapshot);
//   do {
//     EPIGRID_CO_ASSIGN_OR_RETURN(writes, co_await reader.Next());
//     ...
//   } while (!writes.empty());
//   reader.meta()                                  // complete with the first answer
//
// DATA_LOSS SNAPSHOT_CORRUPT: it is not what was written. LOG_START_MOVED: it is gone by now.
class SnapshotReader {
 public:
  SnapshotReader(EventLog& log, TopicShard of, Snapshot snapshot);

  // None: that was all, and its digest is that of the cells.
  Task<Result<std::vector<CellWrite>>> Next();
  const ShardMeta& meta() const { return meta_; }

 private:
  Status Take(const LogRecord& record, std::vector<CellWrite>& writes);
  Status Corrupt(std::string_view what) const;

  EventLog& log_;
  const TopicShard of_;
  const Snapshot snapshot_;
  ShardMeta meta_;
  Digest digest_;  // of what was read
  Offset read_ = 0;
  uint32_t records_ = 0;
  CellWrite open_;  // whose value goes on in the next cell
  bool is_open_ = false;
};

// From here on the shard of snapshots is needed: the newest complete one of this version, what goes
// further than it, complete or being written, and the newest of each other version that was written
// since `since`, for who goes back to that version. Safe whoever else writes and cuts: see
// docs/decisions/0022.
Offset SnapshotsFirstKept(const std::vector<Snapshot>& all, uint32_t fold_version, Time since);

}  // namespace epigrid
