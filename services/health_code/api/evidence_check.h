// What evidence must look like to be taken in: fields, not rules.
#pragma once

#include "common/base/clock.h"
#include "common/base/status.h"
#include "epigrid/health_code/v1/health_code.pb.h"

namespace epigrid::health_code {

// Fills in defaults (revision 1), then checks; no time of what happened may lie further back than
// `age_max`. INVALID_ARGUMENT with one of the reasons of
// common/rpc/fields.h, or ID_MALFORMED, EVIDENCE_MISSING, WITHDRAWAL_WITH_CONTENT,
// WITHDRAWAL_REVISION, TEST_METHOD_MISSING, TEST_OUTCOME_MISSING, SAMPLING_ID_MALFORMED,
// REPORTED_BEFORE_SAMPLED, CYCLE_THRESHOLD_OUT_OF_RANGE, TEMPERATURE_OUT_OF_RANGE,
// ISOLATION_MEASURE_INVALID, END_BEFORE_START, BASIS_MISSING, FACILITY_MISSING.
Status CheckEvidence(v1::Evidence& evidence, Time now, Duration age_max);

}  // namespace epigrid::health_code
