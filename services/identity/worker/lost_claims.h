// LostClaimSettler: erases the keys of persons that registrations proposed in vain, so that what
// was sealed for them cannot be read any more, and tells the fold, which then forgets them.
//
//   LostClaimSettler settler(...);
//   Task<void> work = settler.Run();
//   work.Start();                              // destroy it on the loop's thread to stop
//
// A person of whom a record waits (parking.h) is left for later: what the fold was told would wait
// behind it, and be told again each time.
//
// Every instance may run one: erasing twice is erasing once, and the fold ignores what it has been
// told already. Threads: the loop of the service's API.
#pragma once

#include <string>
#include <vector>

#include "common/base/scheduler.h"
#include "common/base/task.h"
#include "common/crypto/key_store.h"
#include "common/projector/cell_query.h"
#include "common/projector/commands.h"
#include "common/projector/shard_table.h"
#include "services/identity/domain/identity_hashes.h"

namespace epigrid::identity {

struct LostClaimSettlerOptions {
  uint32_t shard_count = kDefaultShardCount;
  Duration interval = std::chrono::seconds(5);
  size_t claims_per_shard_max = 1000;  // in one round
};

class LostClaimSettler {
 public:
  // All outlive it.
  LostClaimSettler(Scheduler& scheduler, const CellQuery& cells, const ShardTable& shards,
                   KeyStore& keys, CommandLog& commands, const DocumentShards& document_shards,
                   LostClaimSettlerOptions options);

  // Settles, again and again, with the interval between; what fails is logged and tried again.
  Task<void> Run();
  // One round over all shards; answers how many were settled.
  Task<Result<size_t>> Settle();

 private:
  Task<Result<size_t>> SettleShard(Shard shard, std::vector<std::string> person_ids);

  Scheduler& scheduler_;
  const CellQuery& cells_;
  const ShardTable& shards_;
  KeyStore& keys_;
  CommandLog& commands_;
  const DocumentShards& document_shards_;
  const LostClaimSettlerOptions options_;
};

}  // namespace epigrid::identity
