#include "services/identity/worker/lost_claims.h"

#include "common/log/log.h"
#include "services/identity/domain/identity_fold.h"
#include "services/identity/view/keys.h"

namespace epigrid::identity {

LostClaimSettler::LostClaimSettler(Scheduler& scheduler, const CellQuery& cells,
                                   const ShardTable& shards, KeyStore& keys, CommandLog& commands,
                                   const DocumentShards& document_shards,
                                   LostClaimSettlerOptions options)
    : scheduler_(scheduler),
      cells_(cells),
      shards_(shards),
      keys_(keys),
      commands_(commands),
      document_shards_(document_shards),
      options_(options) {}

Task<void> LostClaimSettler::Run() {
  while (true) {
    co_await scheduler_.Sleep(options_.interval);
    const Result<size_t> settled = co_await Settle();
    if (!settled.ok()) {
      EPIGRID_LOG_WARN("identity.lost_claims_failed", {settled.status()});
    } else if (*settled > 0) {
      EPIGRID_LOG_INFO("identity.lost_claims_settled", {"claims", *settled});
    }
  }
}

Task<Result<size_t>> LostClaimSettler::Settle() {
  std::vector<Future<Result<std::vector<std::string>>>> pages;
  for (Shard shard = 0; shard < options_.shard_count; ++shard) {
    pages.push_back(epigrid::Run(
        cells_.PageShardIndex(shard, keys::kLostClaims, "", options_.claims_per_shard_max)));
  }
  size_t settled = 0;
  for (Shard shard = 0; shard < options_.shard_count; ++shard) {
    EPIGRID_CO_ASSIGN_OR_RETURN(std::vector<std::string> person_ids, co_await pages[shard]);
    std::erase_if(person_ids, [&](const std::string& id) { return shards_.IsParked(shard, id); });
    if (person_ids.empty()) continue;
    EPIGRID_CO_ASSIGN_OR_RETURN(const size_t some,
                                co_await SettleShard(shard, std::move(person_ids)));
    settled += some;
  }
  co_return settled;
}

Task<Result<size_t>> LostClaimSettler::SettleShard(Shard shard,
                                                   std::vector<std::string> person_ids) {
  const size_t count = person_ids.size();
  std::vector<Command> commands;
  for (size_t n = 0; n < count; ++n) {
    if (n % kLostClaimsPerEventMax == 0) {
      commands.push_back({document_shards_.EntityOf(shard), Event()});
    }
    commands.back().event.mutable_lost_claims_settled()->add_proposed_person_ids(person_ids[n]);
  }
  // Erased first: a claim that is forgotten before its key is erased would never be.
  const Result<Done> erased = co_await keys_.Tombstone(std::move(person_ids));
  if (!erased.ok()) co_return erased.status();
  const Result<std::vector<ShardPosition>> told =
      co_await commands_.Append({.recorded_at = scheduler_.Now(),
                                 .actor = "system:identity",
                                 .purpose = "epidemic_control",
                                 .traceparent = ""},
                                std::move(commands));
  if (!told.ok()) co_return told.status();
  co_return count;
}

}  // namespace epigrid::identity
