// Parking: what becomes of a record that cannot be folded (it kills its owner, does not parse, or
// holds an event of an unknown kind). It waits, and with it everything later that concerns the same
// entities, until it is retried; the shard goes on. Timers of such an entity that become due are
// held too: what waits may change what they would do. The reason stands in the log's metadata, so
// that every later folding of the same log agrees; who waits stands in cells:
//
//   cell "parked"                  the records and the entities that wait (internal.v1.ParkedRecords)
//   hash "parked:<offset>"         what waits, oldest first: the record, then events of later ones
//   hash "parked-timers:<entity>"  the timers that are held: id, and when it was due
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/event_log/event_log.h"
#include "common/projector/cells.h"

namespace epigrid {

inline constexpr std::string_view kParkedCell = "parked";
// Log metadata of an inbox shard: "parked:<offset>" with the reason as value.
inline constexpr std::string_view kParkedPrefix = "parked:";

inline constexpr std::string_view kParkedCrashed = "CRASHED";
inline constexpr std::string_view kParkedUnknownEvent = "UNKNOWN_EVENT";
inline constexpr std::string_view kParkedMalformed = "MALFORMED";

// One thing that waits: a whole record, or one event of it.
struct Waiting {
  Offset offset = 0;
  std::optional<uint32_t> event_index;  // unset: the whole record
  std::string ToField() const;
  static std::optional<Waiting> FromField(std::string_view field);
  friend auto operator<=>(const Waiting&, const Waiting&) = default;
};

// "parked:<offset>", the hash of what waits for that record.
std::string WaitingCell(Offset root);
// "parked-timers:<entity>", the hash of its timers that are held.
std::string HeldTimersCell(std::string_view entity);

// A record that could not be folded.
struct ParkedRoot {
  Offset offset = 0;
  std::string reason;
  std::set<std::string, std::less<>> entities;
};

// The cell "parked", decoded. All changes are written to the cells, in which the cell "parked" must
// be loaded.
class ParkedRecords {
 public:
  // nullopt if the bytes are no such cell.
  static std::optional<ParkedRecords> Decode(const std::string& bytes);

  const std::vector<ParkedRoot>& roots() const { return roots_; }
  bool empty() const { return roots_.empty(); }
  const ParkedRoot* Find(Offset root) const;
  // The oldest record that an event with these entities waits for: an event of the record at
  // `offset`, which has waited for the one at `waited_for` (0: for none yet) and is to be folded.
  // What waited passes on to younger records only: in the order of the log it has outlived what
  // waits for the older ones, and two that are retried at once do not hand it to each other for
  // ever. A parked record itself has waited for none of them.
  std::optional<Offset> BlockedBy(const std::vector<std::string>& entities, Offset offset,
                                  Offset waited_for = 0) const;

  // The record at this offset waits, and its entities with it.
  void Park(Offset offset, std::string_view reason, const std::vector<std::string>& entities,
            Cells& cells);
  // Something later waits behind it.
  void ParkBehind(Offset root, const Waiting& waiting, const std::vector<std::string>& entities,
                  Cells& cells);
  // The timer becomes due while its entity waits. The cell's field must be loaded.
  static void Hold(std::string_view entity, const Timer& timer, Cells& cells);
  // The entity's timers that are held are armed again, for when they were due. The cell must be
  // loaded.
  static void ArmHeld(std::string_view entity, Cells& cells);
  // Nothing waits for it any more.
  void Release(Offset root, Cells& cells);

 private:
  void AddWaiting(Offset root, const Waiting& waiting, Cells& cells) const;
  void Write(Cells& cells) const;
  ParkedRoot* FindMutable(Offset root);

  std::vector<ParkedRoot> roots_;  // by offset
};

}  // namespace epigrid
