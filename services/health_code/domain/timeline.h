// Timeline: what the holds on a person come to, span by span.
#pragma once

#include <vector>

#include "common/base/clock.h"
#include "epigrid/health_code/v1/health_code.pb.h"
#include "google/protobuf/repeated_field.h"
#include "services/health_code/domain/policy.h"

namespace epigrid::health_code {

using Timeline = google::protobuf::RepeatedPtrField<v1::TimelineEntry>;

// An entry names at most this many reasons, the gravest first; more change nothing for the person.
inline constexpr int kReasonsPerEntryMax = 16;

// What holds at `now`, and what comes: entries in order of time, each until the next begins, no two
// neighbours the same; a span without a hold is a green entry without reasons. Colour and measure
// of an entry are each the gravest among all holds that cover it. What was before is left out: the
// first entry holds also before its own time, which is unset where nothing came before it. Empty:
// always green.
Timeline MakeTimeline(const std::vector<Hold>& holds, Time now);

// Leaves out what is over at `now`.
void MoveOn(Timeline& timeline, Time now);

// The entry that holds at a time; null: green, nothing is known.
const v1::TimelineEntry* EntryAt(const Timeline& timeline, Time at);

// When the next entry after `at` begins; kEndOfTime if there is none.
Time NextChange(const Timeline& timeline, Time at);

}  // namespace epigrid::health_code
