// epigridctl status, digests, rebuild, log, parked, ignored, quiesce: epigrid.operations.v1 for
// people.
//
// Every process serves the operations of the services that run in it: status, digests, parked list,
// ignored list and quiesce ask all servers, the others the one of the service that they name.
// Errors are those of the calls.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/epigridctl/connection.h"
#include "tools/epigridctl/console.h"

namespace epigrid::ctl {

struct StatusOptions {
  std::string service;                         // empty: all
  bool all = false;                            // also shards that are well
  Duration age_max = std::chrono::seconds(5);  // an older unapplied record is not well
};

// A line for each service, then the shards that are not well. kPartly if there are any.
Result<ExitCode> ShowStatus(const Servers& servers, const StatusOptions& options,
                            const Console& console);

// One digest a shard; kPartly if a view is not what its projector says. Every key of the views is
// read meanwhile: `timeout`, of each server, is one for that.
Result<ExitCode> ShowDigests(const Servers& servers, const std::string& service, Duration timeout,
                             const Console& console);

struct RebuildOptions {
  std::string service;
  std::vector<uint32_t> shards;  // none: all
  bool wait = false;             // until all are rebuilt
  Duration wait_at_most{0};      // 0: as long as it takes
};

// kPartly: what was built of some shards differs from their live views, which were kept.
// kInterrupted and DEADLINE_EXCEEDED REBUILD_PENDING: the rebuild goes on, only the waiting ended.
Result<ExitCode> Rebuild(const Servers& servers, const RebuildOptions& options,
                         const Console& console);

struct LogTailOptions {
  std::string topic;
  uint32_t shard = 0;
  int32_t count = 10;  // 1 to 1,000
  uint64_t from = 0;   // an offset; 0: the last records
  bool follow = false;
};

Result<ExitCode> TailLog(const Servers& servers, const LogTailOptions& options,
                         const Console& console);

Result<ExitCode> ListParked(const Servers& servers, const std::string& service,
                            const Console& console);
Result<ExitCode> RetryParked(const Servers& servers, const std::string& service, uint32_t shard,
                             uint64_t offset, const Console& console);

// Why facts had no effect, oldest first. `entity`: only what concerns this id; empty: all.
Result<ExitCode> ListIgnored(const Servers& servers, const std::string& service,
                             const std::string& entity, const Console& console);

// Waits until nothing is left to be done anywhere. DEADLINE_EXCEEDED NOT_QUIET says what is.
Result<ExitCode> AwaitQuiet(const Servers& servers, Duration timeout, const Console& console);

}  // namespace epigrid::ctl
