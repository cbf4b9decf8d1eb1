// Revisions: what a command returns so that a later query of the same service sees what it did.
//
//   response.set_revision(MakeRevision("health_code", {{shard, offset}}));
//   ...
//   EPIGRID_CO_ASSIGN_OR_RETURN(std::vector<ShardPosition> positions,
//                               ParseRevision(request.revision(), "health_code", shard_count));
//   // then wait, within the call's deadline, until each shard has applied its offset
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/shard.h"
#include "common/base/status.h"

namespace epigrid {

// Of several positions in one shard the greatest counts. No positions: an empty text.
std::string MakeRevision(std::string_view service, std::vector<ShardPosition> positions);

// In rising order of shards; an empty text has no positions. INVALID_ARGUMENT with
// REVISION_MALFORMED or REVISION_OF_ANOTHER_SERVICE and metadata "field".
Result<std::vector<ShardPosition>> ParseRevision(std::string_view text, std::string_view service,
                                                 uint32_t shard_count);

}  // namespace epigrid
