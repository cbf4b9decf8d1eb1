// What the settings' matches come to: a person's exposures, published as one statement per case,
// and a case's list of contacts.
#pragma once

#include "common/projector/cells.h"
#include "epigrid/contact_tracing/state/v1/state.pb.h"
#include "epigrid/events/v1/contact_tracing_events.pb.h"
#include "services/contact_tracing/domain/work.h"

namespace epigrid::contact_tracing {

void Needs(const events::v1::MatchStated& match, NeedSet& needs);
void Apply(const events::v1::MatchStated& match, Work& work);

// One setting of an exposure as users see it.
v1::SettingExposure ToSettingExposure(const events::v1::MatchStated& match);

// All settings together. Times are not set if there is nothing, or while it goes on (last).
struct ExposureSummary {
  v1::ExposureClass exposure_class = v1::EXPOSURE_CLASS_UNSPECIFIED;
  uint32_t degree = 0;
  Time first_time;
  Time last_time;
  bool ongoing = false;
};
ExposureSummary Summarize(const state::v1::SharedSettings& shared);

}  // namespace epigrid::contact_tracing
