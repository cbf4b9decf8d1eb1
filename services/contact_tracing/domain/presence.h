// Presence in its person's shard: what was observed becomes stays by local day, which are stated to
// the settings and, when the person is a case, pinned there anew.
//
// Counted and otherwise ignored: PRESENCE_CONFLICT (the same revision, another content),
// PRESENCE_INVALID (no such interval can be), PRESENCE_TOO_OLD (it concerns a past day),
// PRESENCE_LIMIT (more than kStaysPerDayMax stays of one day, or more than kStraysMax check-outs
// and deletions without a check-in). Counted and taken in: PRESENCE_MANY (more than
// kStaysPerDayUsual), FIRST_REVISION_MISSING (a correction of what is not known of this person: the
// first may come last, or was told of somebody else), CHECK_OUT_INVALID (not after the check-in, or
// more than 24 h).
#pragma once

#include "common/projector/cells.h"
#include "epigrid/events/v1/contact_tracing_events.pb.h"
#include "services/contact_tracing/domain/work.h"

namespace epigrid::contact_tracing {

// Real people check in several hundred times on some days; what is beyond this is a runaway source.
inline constexpr int kStaysPerDayMax = 1024;
inline constexpr int kStaysPerDayUsual = 20;
// Keys that one day remembers, deleted ones included.
inline constexpr int kKeysPerDayMax = 2048;
// Check-outs and deletions may all come before their check-ins: as many as retention has stays.
inline constexpr uint32_t kStraysMax = 16 * kStaysPerDayMax;

void Needs(const TracingPolicy& policy, const events::v1::PresenceObserved& observed,
           const CellReader& cells, NeedSet& needs);
void Apply(const events::v1::PresenceObserved& observed, Work& work);

// The timer keys::PersonDayTimer: forgets a day, a part of it at a time.
void NeedsPersonDay(const std::string& person_id, int32_t day, const CellReader& cells,
                    NeedSet& needs);
void ForgetPersonDay(const std::string& person_id, int32_t day, Work& work);

// The timer keys::StrayTimer: forgets a presence whose check-in has never come.
void NeedsStray(const std::string& person_id, const std::string& key, NeedSet& needs);
void ForgetStray(const std::string& person_id, const std::string& key, Work& work);

}  // namespace epigrid::contact_tracing
