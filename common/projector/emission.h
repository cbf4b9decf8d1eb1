// Emission: from what a fold emitted for one record to records of the log, with the positions that
// make each count once.
//
// All events that one cause emits to the same place stand in one record (cut at 128 events, and
// around one that must stand alone), so that batches stay batches through every hop. The position's
// index counts the records of one cause within one stream (the emitter's inbox, or one public
// topic) in the order in which they are appended, so that every receiving shard sees rising ones.
#pragma once

#include <string>
#include <vector>

#include "common/event_log/event_log.h"
#include "common/projector/fold.h"

namespace epigrid {

// "health_code.inbox".
std::string InboxTopic(std::string_view service);

// Whether an event must be the only one of its record: what it folds besides itself (due timers,
// parked events) is counted by the record.
bool StandsAlone(const Event& event);

// Adds an event that concerns this entity to a record with this key. The entity is written where it
// is not the key: most records concern one entity, and it would stand in each of their events.
void AddEvent(Envelope& envelope, std::string_view key, std::string_view entity, Event event);

// The entity that an event in a record with this key concerns, as its writer says: all that is
// known of one whose kind is not.
const std::string& StatedEntity(const Event& event, const std::string& key);

// Who emits.
struct Emitter {
  std::string service;
  Shard shard = 0;
  uint32_t shard_count = kDefaultShardCount;
};

// Appends to `out` the records for the emissions of the record at `offset`, whose envelope is
// `in_hand`. The events are moved out of `emissions`.
void AppendEmitted(const Emitter& emitter, const Envelope& in_hand, Offset offset,
                   std::vector<Emission>& emissions, std::vector<NewRecord>& out);

// What a batch emits, in parts that the log takes in one Append each, in order: many events that
// each tell every shard something emit more records than one Append may have.
std::vector<std::vector<NewRecord>> CutForAppends(std::vector<NewRecord> records);

}  // namespace epigrid
