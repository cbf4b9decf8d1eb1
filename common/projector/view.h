// View: where a projector keeps what it has folded. One shard's state in one generation is a set of
// cells; the only ways to touch it are one read and one guarded write, each atomic.
//
// Physical layout (RedisView, ViewKeys), with the system's prefix and the hash tag of the shard in
// front of every key:
//
//   {service-7}live         the number of the generation that queries read; absent if there is none
//   {service-7}<g>:meta     hash: fold, applied, time, quiet, digest, attempt, and
//                           mark:<stream>/<source shard>
//   {service-7}<g>:timers   sorted set: timer id by due time in microseconds
//   {service-7}<g>:<key>    a cell: a string, or a hash of members, or an index (sorted set of
//                           score 0)
//
// Rules: writes are absolute, so that a batch that is applied again changes nothing; a batch is
// applied only if the shard's applied offset equals `prev`; the offset is written last. One that
// was applied before (the shard is at its `next`, with its digest) is answered as applied, so that
// a commit whose answer was lost can be made again. A read returns what it found together with the
// applied offset, so that an owner notices when the view is not where it left it.
//
// Implementations: RedisView (redis_view.h) and the simulation's, which is tested against it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/shard.h"
#include "common/base/status.h"
#include "common/base/task.h"
#include "common/event_log/event_log.h"

namespace epigrid {

using Generation = uint64_t;

// A generation whose applied offset is this or greater is being made from a snapshot, by batches
// that count on from here; nobody folds it until the last of them brings it to the snapshot's
// offset.
inline constexpr Offset kLoadingFrom = Offset{1} << 62;

struct ShardGeneration {
  Shard shard = 0;
  Generation generation = 0;
  friend auto operator<=>(const ShardGeneration&, const ShardGeneration&) = default;
};

// A high-water mark: the position of the last record that was accepted from one source shard of one
// stream.
struct Mark {
  Offset offset = 0;
  uint32_t index = 0;
  friend auto operator<=>(const Mark&, const Mark&) = default;
};

// The 128-bit sum (each half modulo 2^64) of the hashes of a shard's cells, indexes and timers:
// equal states have equal digests, whatever the order in which they came about. Shard time is not
// in it.
struct CellWrite;
struct Digest {
  uint64_t low = 0;
  uint64_t high = 0;
  // What this write adds where nothing was before.
  void Add(const CellWrite& write);
  void AddCell(std::string_view key, std::string_view field, std::string_view value);
  void RemoveCell(std::string_view key, std::string_view field, std::string_view value);
  void AddTimer(std::string_view id, Time due);
  void RemoveTimer(std::string_view id, Time due);
  friend bool operator==(const Digest&, const Digest&) = default;
  std::string ToHex() const;  // 32 hexadecimal digits
};

// What a shard's generation says of itself.
struct ShardMeta {
  uint32_t fold_version = 0;
  Offset applied = 0;
  Time shard_time;  // the greatest tick
  // the last record that changed or emitted anything beyond shard time
  Offset quiet = 0;
  Digest digest;
  // owners that died while they folded what follows this offset: Attempt in shard_projector.h
  Offset attempt_offset = 0;
  uint32_t attempt_count = 0;
  std::map<std::string, Mark> marks;  // by "<stream>/<source shard>"
};

// One thing to read.
struct CellRead {
  enum class Kind : uint8_t {
    kString,   // key
    kMember,   // key, field of a hash
    kMembers,  // key: the whole hash
    kTimers,   // up to kTimersPerTick timers due at or before `until`, in (due, id) order
  };
  Kind kind = Kind::kString;
  std::string key;
  std::string field;
  Time until;
  friend auto operator<=>(const CellRead&, const CellRead&) = default;
};

inline constexpr size_t kTimersPerTick = 128;
// No timer is due from here on (in the middle of 2255): a sorted set's score keeps 53 bits.
inline constexpr Time kTimerDueEnd{int64_t{1} << 53};

struct Timer {
  Time due;
  std::string id;
  friend auto operator<=>(const Timer&, const Timer&) = default;
};

// What was found for a CellRead: the one that fits its kind is set.
struct CellFound {
  std::optional<std::string> value;            // kString, kMember
  std::map<std::string, std::string> members;  // kMembers
  std::vector<Timer> timers;                   // kTimers
};

struct ViewRead {
  Offset applied = 0;
  std::vector<CellFound> found;  // one for each CellRead, in their order
};

// One absolute write.
struct CellWrite {
  enum class Kind : uint8_t {
    kSet,        // key := value
    kDelete,     // key and all that is in it
    kSetMember,  // key[field] := value
    kDeleteMember,
    kAddToIndex,  // field is a member of the index `key`
    kRemoveFromIndex,
    kSetTimer,  // timer `field` is due at `due`
    kDeleteTimer,
  };
  Kind kind = Kind::kSet;
  std::string key;
  std::string field;
  std::string value;
  Time due;
};

struct GuardedBatch {
  Generation generation = 0;
  uint32_t fold_version = 0;
  Offset prev = 0;  // must equal the applied offset
  Offset next = 0;
  Time shard_time;
  Offset quiet = 0;
  Digest digest;
  std::map<std::string, Mark> marks;  // those that changed
  std::vector<CellWrite> writes;
};

struct Committed {
  bool applied = false;          // false: refused, the view is not at `prev`; nothing was changed
  std::optional<Time> next_due;  // the earliest timer after the batch
};

// What ends who works on a view that somebody else has moved, or that fell back: begin again.
inline Status ViewMoved(std::string how = "the view is not where this owner left it") {
  return {Code::kAborted, "VIEW_MOVED", std::move(how)};
}

// Errors of all calls: UNAVAILABLE, reason VIEW_UNAVAILABLE; whether a Commit that failed so was
// applied is unknown: make it again.
class View {
 public:
  virtual ~View() = default;

  // The live generation's number; nullopt if there is none.
  virtual Future<Result<std::optional<Generation>>> Live(Shard shard) = 0;
  // The generation's meta and earliest timer; nullopt if there is no such generation.
  struct Opened {
    ShardMeta meta;
    std::optional<Time> next_due;
  };
  virtual Future<Result<std::optional<Opened>>> Open(Shard shard, Generation generation) = 0;
  // Makes an empty generation at offset 0 if there is none, else changes nothing.
  virtual Future<Result<Done>> Create(Shard shard, Generation generation,
                                      uint32_t fold_version) = 0;
  // Lets queries read this generation, provided that it has applied exactly `applied` (false: it
  // has not).
  virtual Future<Result<bool>> SetLive(Shard shard, Generation generation, Offset applied) = 0;
  // Removes these generations and everything in them. Not atomic: for generations that nobody reads
  // any more. Looks through the whole view once, however few or many they are: see
  // generation_dropper.h.
  virtual Future<Result<Done>> Drop(std::vector<ShardGeneration> generations) = 0;
  // Writes the attempt fields alone.
  virtual Future<Result<Done>> SetAttempt(Shard shard, Generation generation, Offset offset,
                                          uint32_t count) = 0;

  virtual Future<Result<ViewRead>> Read(Shard shard, Generation generation,
                                        std::vector<CellRead> reads) = 0;
  // Also publishes "<shard> <applied>" on ViewKeys::applied_channel, which is what waits for an
  // outcome listen to.
  virtual Future<Result<Committed>> Commit(Shard shard, GuardedBatch batch) = 0;
};

}  // namespace epigrid
