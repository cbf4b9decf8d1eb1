// Standing presence: who lives where, with separations from the household cut out, stated to the
// households and pinned there when the person is a case.
//
// Counted and ignored: MEMBERSHIP_LIMIT (more than kMembershipsMax, not counting those that ended
// before presence is kept and on which no case of the person rests: these are let go of).
#pragma once

#include "common/projector/cells.h"
#include "epigrid/events/v1/health_code_events.pb.h"
#include "epigrid/events/v1/identity_events.pb.h"
#include "services/contact_tracing/domain/work.h"

namespace epigrid::contact_tracing {

inline constexpr int kMembershipsMax = 16;

void Needs(const events::v1::MembershipChanged& changed, const CellReader& cells, NeedSet& needs);
void Apply(const events::v1::MembershipChanged& changed, Work& work);

void Needs(const events::v1::IsolationChanged& changed, const CellReader& cells, NeedSet& needs);
void Apply(const events::v1::IsolationChanged& changed, Work& work);

}  // namespace epigrid::contact_tracing
