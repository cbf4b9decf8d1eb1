// What requests must look like to be taken in: fields, not rules. Reasons are listed in the
// service's README.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "epigrid/contact_tracing/v1/contact_tracing.pb.h"
#include "services/contact_tracing/domain/policy.h"

namespace epigrid::contact_tracing {

// Fills in revision 1, then checks. ID_MALFORMED, PRESENCE_MISSING, REVISION_TOO_LOW,
// TIME_BEYOND_RETENTION, END_BEFORE_START, STAY_TOO_LONG, TEXT_TOO_LONG, and the reasons of
// common/rpc/fields.h.
Status CheckObservation(const TracingPolicy& policy, Time now,
                        v1::PresenceObservation& observation);

// Check-outs that contradict the check-in of the same presence in the same request: for each
// observation OK, or END_BEFORE_START or STAY_TOO_LONG. `statuses` holds what is known of each
// already; only those that are OK are looked at.
void CheckTogether(const google::protobuf::RepeatedPtrField<v1::PresenceObservation>& observations,
                   std::vector<Status>& statuses);

// ID_MALFORMED (unless empty), CATEGORY_MISSING, CATEGORY_MISMATCH, LOCATION_OUT_OF_RANGE,
// REGION_CODE_MALFORMED, USUAL_STAY_OUT_OF_RANGE.
Status CheckSetting(const v1::Setting& setting);

// Fills in REPORTED, then checks. ID_MALFORMED, CASE_STATE_INVALID, CASE_TIME_MISSING,
// TIME_IN_FUTURE, TIME_TOO_OLD (so long ago that neither the infection nor any presence is of now).
Status CheckReport(const TracingPolicy& policy, Time now, v1::ReportCaseRequest& request);

// ID_MALFORMED, ACTION_MISSING, CASE_STATE_INVALID, TIME_IN_FUTURE, TIME_TOO_OLD.
Status CheckUpdate(const TracingPolicy& policy, Time now, const v1::UpdateCaseRequest& request);

}  // namespace epigrid::contact_tracing
