// A person's cases: opened and changed by agencies, opened by positive tests. What concerns the
// same infection is one case: an anchor (the earlier of onset and sampling) within
// TracingPolicy::reinfection of that of a case that was not excluded joins it, so that it does not
// matter whether the laboratory or the hospital is first. Of several reports the earliest onset and
// sampling stand; an onset that was corrected by an update stands whatever is reported.
//
// A provisional case rests on its tests: when none of them stands any more, it is excluded, and
// when one does again, it is back. What an authority has said of a case stands whatever becomes of
// its tests.
#pragma once

#include "common/projector/cells.h"
#include "epigrid/events/v1/contact_tracing_events.pb.h"
#include "epigrid/events/v1/health_code_events.pb.h"
#include "services/contact_tracing/domain/work.h"

namespace epigrid::contact_tracing {

inline constexpr int kCasesPerPersonMax = 32;
inline constexpr int kTestsPerCaseMax = 256;

// What an agency may say of a case that it holds to be one.
inline bool IsAgencyState(v1::CaseState state) {
  return state == v1::CASE_STATE_REPORTED || state == v1::CASE_STATE_CONFIRMED;
}

// Decided; answered with the case. Errors: NOT_FOUND CASE_UNKNOWN, INVALID_ARGUMENT
// CASE_TIME_MISSING, CASE_STATE_INVALID, CASE_ID_MISPLACED, ALREADY_EXISTS CASE_ID_TAKEN,
// RESOURCE_EXHAUSTED CASE_LIMIT.
void Needs(const events::v1::CaseUpdateRequested& requested, const CellReader& cells,
           NeedSet& needs);
void Apply(const events::v1::CaseUpdateRequested& requested, Work& work);

// Counted and ignored: CASE_LIMIT, TEST_LIMIT.
void Needs(const events::v1::TestResultChanged& test, uint32_t shard_count, const CellReader& cells,
           NeedSet& needs);
void Apply(const events::v1::TestResultChanged& test, Work& work);

}  // namespace epigrid::contact_tracing
