#include "services/contact_tracing/domain/presence_revision.h"

#include <xxhash.h>

#include <algorithm>
#include <string>

#include "common/base/proto_time.h"

namespace epigrid::contact_tracing {
namespace {

using state::v1::PresenceState;

Revised ReviseBase(uint32_t revision, uint64_t fingerprint, const v1::PresenceObservation& told,
                   PresenceState& state) {
  if (revision < state.revision()) return Revised::kNothing;
  if (revision == state.revision()) {
    return state.fingerprint() == fingerprint ? Revised::kNothing : Revised::kConflict;
  }
  if (revision == state.check_out_revision()) return Revised::kConflict;
  state.set_revision(revision);
  state.set_fingerprint(fingerprint);
  state.set_deleted(told.has_deletion());
  state.clear_declared_end_time();
  if (told.has_check_in() && told.check_in().has_end_time()) {
    *state.mutable_declared_end_time() = told.check_in().end_time();
  }
  if (state.check_out_revision() < revision) {
    state.clear_check_out_revision();
    state.clear_check_out_time();
  }
  return Revised::kChanged;
}

Revised ReviseCheckOut(uint32_t revision, Time end, PresenceState& state) {
  if (revision < state.revision()) return Revised::kNothing;
  if (revision == state.revision()) return Revised::kConflict;
  if (revision < state.check_out_revision()) return Revised::kNothing;
  if (revision == state.check_out_revision()) {
    return FromProto(state.check_out_time()) == end ? Revised::kNothing : Revised::kConflict;
  }
  state.set_check_out_revision(revision);
  *state.mutable_check_out_time() = ToProto(end);
  return Revised::kChanged;
}

}  // namespace

Revised Revise(const v1::PresenceObservation& observation, PresenceState& state) {
  const uint32_t revision = std::max(1u, observation.revision());
  if (observation.has_check_out()) {
    return ReviseCheckOut(revision, FromProto(observation.check_out().end_time()), state);
  }
  uint64_t fingerprint = 0;  // of a deletion
  if (observation.has_check_in()) {
    const std::string content = observation.check_in().SerializeAsString();
    fingerprint = XXH3_64bits(content.data(), content.size());
  }
  return ReviseBase(revision, fingerprint, observation, state);
}

std::optional<Time> EndOf(const PresenceState& state, Time start) {
  if (state.check_out_revision() != 0) {
    if (const Time end = FromProto(state.check_out_time()); IsPossibleEnd(start, end)) return end;
  }
  if (state.has_declared_end_time()) return FromProto(state.declared_end_time());
  return std::nullopt;
}

bool IsPossibleEnd(Time start, Time end) { return start < end && end - start <= kDeclaredStayMax; }

}  // namespace epigrid::contact_tracing
