// What isolation orders rest on. A case may be named before it is known, since its own record may
// still be on its way: so the case's shard, which has heard of every case of its people, waits for
// a day. A case that is unknown even then is counted and listed as BASIS_UNKNOWN; the order stands
// all the same, since it is a fact that somebody was ordered.
//
// Settings and samplings are not looked up: health_code does not hear of settings, and a sampling
// may be somebody else's.
#pragma once

#include "common/projector/fold.h"
#include "epigrid/events/v1/contact_tracing_events.pb.h"
#include "epigrid/events/v1/health_code_events.pb.h"
#include "services/health_code/view/keys.h"

namespace epigrid::health_code {

inline constexpr Duration kBasisWait = std::chrono::hours(24);

// Asks the case's shard, if the order names another case than it did before.
void NameBasis(const v1::Evidence& evidence, const v1::Evidence& before, Context& context);

// Remembers that there is such a case. keys::KnownCase must be loaded.
void KnowCase(const events::v1::CaseChanged& changed, Cells& cells);

void NeedsOfBasis(const events::v1::BasisNamed& named, NeedSet& needs);
void ApplyBasis(const events::v1::BasisNamed& named, Cells& cells, Context& context);

// The timer keys::BasisTimer.
inline bool IsBasisTimer(const Timer& timer) {
  return timer.id.starts_with(keys::kBasisTimerPrefix);
}
std::string EntityOfBasisTimer(const Timer& timer);
void NeedsOfBasisTimer(const Timer& timer, NeedSet& needs);
void FireBasisTimer(const Timer& timer, Cells& cells, Context& context);

}  // namespace epigrid::health_code
