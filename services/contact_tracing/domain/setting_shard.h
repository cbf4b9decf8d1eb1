// The events of a setting's shard: who was there, which cases are pinned to it; what is known of it
// is setting_update.h. Each comes as a pair: Needs names the cells, Apply works on them.
//
// Order does not matter: presence is matched with the pins that are there, a pin with the presence
// that is there, and a setting that becomes known (or another usual stay) with all of both. Pins of
// which all is forgotten are settled: kept apart, so that what comes later does not read them.
#pragma once

#include "common/projector/cells.h"
#include "common/projector/fold.h"
#include "epigrid/events/v1/contact_tracing_events.pb.h"
#include "services/contact_tracing/domain/work.h"

namespace epigrid::contact_tracing {

void Needs(const TracingPolicy& policy, const events::v1::StaysStated& stated,
           const CellReader& cells, NeedSet& needs);
void Apply(const events::v1::StaysStated& stated, Work& work);

void Needs(const TracingPolicy& policy, const events::v1::StandingStated& stated,
           const CellReader& cells, NeedSet& needs);
void Apply(const events::v1::StandingStated& stated, Work& work);

void Needs(const TracingPolicy& policy, const events::v1::PinStated& pin, const CellReader& cells,
           NeedSet& needs);
void Apply(const events::v1::PinStated& pin, Work& work);

void Needs(const TracingPolicy& policy, const events::v1::PinSearchContinued& part,
           const CellReader& cells, NeedSet& needs);
void Apply(const events::v1::PinSearchContinued& part, Work& work);

// The timer keys::SettingDayTimer.
void NeedsSettingDay(const TracingPolicy& policy, const std::string& setting_id, int32_t day,
                     const CellReader& cells, NeedSet& needs);
void ForgetSettingDay(const std::string& setting_id, int32_t day, Work& work);

}  // namespace epigrid::contact_tracing
