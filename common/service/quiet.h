// Quiet: nothing is left to be done anywhere. What tests of "must not happen" wait for, never a
// time.
//
// It is quiet when, twice in a row with no shard's quiet offset changed between,
//   every inbox is applied up to the end just read (an owner emits before it applies, so nothing is unacknowledged),
//   every subscription's floor is at the end of its topic,
//   no service has work of its own under way (a message that is due or being sent).
//
//   QuietReport report = co_await AwaitQuiet(runtimes, until, deadline);
//   report.waiting_for;      // empty: it is quiet
#pragma once

#include <string>
#include <vector>

#include "common/service/service_runtime.h"

namespace epigrid {

struct QuietReport {
  std::string waiting_for;  // what is still to be done, for operators; empty: nothing
  // Work that failed and is tried again later; not all of it is counted while it is not quiet.
  uint32_t backed_off = 0;
  Time next_attempt;  // the first of it; unset: there is none
};

// Work that is tried again after `until` is counted and not waited for. Returns at the deadline at
// the latest.
Task<Result<QuietReport>> AwaitQuiet(std::vector<ServiceRuntime*> runtimes, Time until,
                                     const Clock& clock, Time deadline);

}  // namespace epigrid
