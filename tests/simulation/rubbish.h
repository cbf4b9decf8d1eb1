// Rubbish: records that no fold can take, as a stranger or a newer binary writes them: bytes that
// do not parse, a real record cut short, an envelope of nothing or of a later schema, and events of
// an unknown kind, alone or beside a known one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/projector/fold.h"
#include "tests/simulation/world.h"

namespace epigrid {

// What a scenario says of one.
struct RubbishPlan {
  TopicShard to;
  std::string key;
  std::string stated;          // by its event of an unknown kind; empty: nobody
  std::optional<Event> known;  // may stand beside that
};
NewRecord MakeRubbish(World& world, const RubbishPlan& plan);

// Why the record has to be parked, as the design says and whatever the code under test thinks;
// empty: it has not.
std::string_view ReasonToPark(const std::string& value);

// Unequal for each record but those that are repetitions of each other; empty: it has no position.
std::string PositionOf(const std::string& value);

}  // namespace epigrid
