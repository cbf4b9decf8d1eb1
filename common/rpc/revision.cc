#include "common/rpc/revision.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/rpc/token_text.h"
#include "epigrid/tokens/v1/tokens.pb.h"

namespace epigrid {
namespace {

// A batch may touch every shard: each position is up to 16 bytes with its tags, and base64 makes
// four characters of three; besides the service's name and the hash.
constexpr size_t kTextMax = size_t{kShardCountMax} * 16 * 4 / 3 + 256;

constexpr char kField[] = "field";
constexpr char kRevision[] = "revision";

Status Malformed() {
  return InvalidArgument(
             "REVISION_MALFORMED",
             "revision must be empty or what a command of this service returned, unchanged")
      .With(kField, kRevision);
}

}  // namespace

std::string MakeRevision(std::string_view service, std::vector<ShardPosition> positions) {
  if (positions.empty()) return "";
  std::ranges::sort(positions);
  tokens::v1::Revision revision;
  revision.set_service(std::string(service));
  for (size_t i = 0; i < positions.size(); ++i) {
    if (i + 1 < positions.size() && positions[i + 1].shard == positions[i].shard) continue;
    auto* position = revision.add_positions();
    position->set_shard(positions[i].shard);
    position->set_offset(positions[i].offset);
  }
  return ToTokenText(revision.SerializeAsString());
}

Result<std::vector<ShardPosition>> ParseRevision(std::string_view text, std::string_view service,
                                                 uint32_t shard_count) {
  std::vector<ShardPosition> positions;
  if (text.empty()) return positions;
  const std::optional<std::string> bytes = FromTokenText(text, kTextMax);
  tokens::v1::Revision revision;
  if (!bytes || !revision.ParseFromString(*bytes) || revision.service().empty()) return Malformed();
  if (revision.service() != service) {
    return InvalidArgument(
               "REVISION_OF_ANOTHER_SERVICE",
               fmt::format(
                   "revision was given by another service than {}; give each service its own",
                   service))
        .With(kField, kRevision);
  }
  for (const auto& position : revision.positions()) {
    if (position.shard() >= shard_count || position.offset() == 0) return Malformed();
    if (!positions.empty() && position.shard() <= positions.back().shard) return Malformed();
    positions.push_back({position.shard(), position.offset()});
  }
  if (positions.empty()) return Malformed();
  return positions;
}

}  // namespace epigrid
