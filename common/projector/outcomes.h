// Outcomes of decided commands: what the fold answered, kept in a cell for 7 days of shard time, so
// that a command that is sent again is answered again and not decided again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/projector/fold.h"

namespace epigrid {

// By shard time, from the decision.
inline constexpr Duration kOutcomeLifetime = std::chrono::hours(7 * 24);
// Begins the outcome's cell and its timer's id.
inline constexpr std::string_view kOutcomePrefix = "outcome:";

// "outcome:<32 hexadecimal digits>", of caller, method, request id and item.
std::string OutcomeCell(const events::v1::RequestKey& key);

// The bytes of the cell.
std::string EncodeOutcome(const std::string& fingerprint, const Outcome& outcome, Time expire_time);

struct DecodedOutcome {
  std::string fingerprint;
  Outcome outcome;
};
// nullopt: these bytes are no outcome.
std::optional<DecodedOutcome> DecodeOutcome(const std::string& bytes);

}  // namespace epigrid
