// What is known of a setting, in its shard, and what follows when that changes: the cases pinned to
// it are searched for anew, some of them in one event. The rest are left to a
// SettingSearchContinued of its own, so that no event reads or emits more, however many cases there
// are.
//
// Pins of which all is forgotten (setting_shard.h) are gone through only when the setting was not
// known before: they were never answered. Else nothing in them can change any more.
#pragma once

#include "common/projector/cells.h"
#include "common/projector/fold.h"
#include "epigrid/events/v1/contact_tracing_events.pb.h"
#include "services/contact_tracing/domain/work.h"

namespace epigrid::contact_tracing {

// Decided; answered with the setting.
void Needs(const events::v1::SettingUpdateRequested& requested, const CellReader& cells,
           NeedSet& needs);
void Apply(const events::v1::SettingUpdateRequested& requested, Work& work);

void Needs(const events::v1::SettingSearchContinued& part, const CellReader& cells, NeedSet& needs);
void Apply(const events::v1::SettingSearchContinued& part, Work& work);

}  // namespace epigrid::contact_tracing
