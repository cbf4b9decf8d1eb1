// epigridctl rebuild.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "epigrid/operations/v1/operations.pb.h"
#include "tools/epigridctl/error_text.h"
#include "tools/epigridctl/operations_calls.h"
#include "tools/epigridctl/operations_commands.h"
#include "tools/epigridctl/text.h"

namespace epigrid::ctl {
namespace {

namespace pb = operations::v1;

constexpr Duration kPollInterval = std::chrono::milliseconds(500);

Result<pb::GetStatusResponse> GetStatus(Connection& server, const std::string& service) {
  pb::GetStatusRequest request;
  request.set_service(service);
  pb::GetStatusResponse response;
  EPIGRID_RETURN_IF_ERROR(CallOperations(server, "GetStatus", request, &response));
  if (response.services_size() == 1) return response;
  return Internal("STATUS_MALFORMED", "the server told the status of another service");
}

// Offsets of the requests, by shard.
using Requests = std::map<uint32_t, uint64_t>;

struct Outcome {
  size_t done = 0;
  std::vector<uint32_t> differing;
};

Outcome OutcomeOf(const pb::GetStatusResponse& status, const Requests& requests) {
  Outcome outcome;
  for (const pb::ShardStatus& shard : status.services(0).shards()) {
    const auto request = requests.find(shard.shard());
    if (request == requests.end() || shard.rebuilt_offset() < request->second) continue;
    ++outcome.done;
    if (shard.rebuild_differed()) outcome.differing.push_back(shard.shard());
  }
  return outcome;
}

ExitCode TellEnd(const Outcome& outcome, const std::string& service, const Console& console) {
  if (outcome.differing.empty()) return ExitCode::kOk;
  const Status differs(
      Code::kAborted, "REBUILD_DIFFERS",
      fmt::format("{} of {}: what was built anew from the log is not what the live view holds, "
                  "which was kept: {}",
                  FormatCount(outcome.differing.size(), "shard", "shards"), service,
                  fmt::join(outcome.differing, ", ")));
  if (console.json) {
    console.err << ErrorJson(differs).dump(2) << "\n";
  } else {
    console.err << "epigridctl: " << FormatError(differs);
  }
  return ExitCode::kPartly;
}

Result<ExitCode> Wait(Connection& server, const RebuildOptions& options, const Requests& requests,
                      const Console& console) {
  const Duration begin = console.waiter.Elapsed();
  const std::string all = FormatCount(requests.size(), "shard", "shards");
  size_t shown = SIZE_MAX;
  while (true) {
    EPIGRID_ASSIGN_OR_RETURN(const pb::GetStatusResponse status,
                             GetStatus(server, options.service));
    const Outcome outcome = OutcomeOf(status, requests);
    if (outcome.done != shown && !console.json) {
      console.err << fmt::format("{} of {} rebuilt\n", outcome.done, all);
    }
    shown = outcome.done;
    if (outcome.done == requests.size()) return TellEnd(outcome, options.service, console);
    if (options.wait_at_most > Duration(0) &&
        console.waiter.Elapsed() - begin >= options.wait_at_most) {
      return DeadlineExceeded("REBUILD_PENDING",
                              fmt::format("{} of {} rebuilt within {}; the rebuild goes on, and "
                                          "`epigridctl status` shows how far it is",
                                          outcome.done, all, FormatAge(options.wait_at_most)));
    }
    if (!console.waiter.WaitFor(kPollInterval)) {
      console.err << "The rebuild goes on; `epigridctl status` shows how far it is.\n";
      return ExitCode::kInterrupted;
    }
  }
}

}  // namespace

Result<ExitCode> Rebuild(const Servers& servers, const RebuildOptions& options,
                         const Console& console) {
  Connection& server = servers.Of(options.service);
  pb::RebuildViewsRequest request;
  request.set_service(options.service);
  for (const uint32_t shard : options.shards) request.add_shards(shard);
  pb::RebuildViewsResponse response;
  EPIGRID_RETURN_IF_ERROR(CallOperations(server, "RebuildViews", request, &response));
  if (console.json) {
    PrintJson(response, console);
  } else {
    console.out << fmt::format("{}: asked for as {}\n", options.service,
                               Printable(response.rebuild_id()));
    if (!options.wait) console.out << "`epigridctl status` shows how far it is.\n";
  }
  if (!options.wait) return ExitCode::kOk;
  Requests requests;
  for (const pb::RequestedRebuild& requested : response.requests()) {
    uint64_t& offset = requests[requested.shard()];
    offset = std::max(offset, requested.offset());
  }
  return Wait(server, options, requests, console);
}

}  // namespace epigrid::ctl
