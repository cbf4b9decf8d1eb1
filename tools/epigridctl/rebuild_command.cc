// epigridctl rebuild.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "epigrid/operations/v1/operations.pb.h"
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

// Generations in use, by shard.
std::map<uint32_t, uint64_t> Generations(const pb::GetStatusResponse& status) {
  std::map<uint32_t, uint64_t> generations;
  for (const pb::ShardStatus& shard : status.services(0).shards()) {
    generations[shard.shard()] = shard.generation();
  }
  return generations;
}

Result<ExitCode> Wait(Connection& server, const RebuildOptions& options,
                      const std::map<uint32_t, uint64_t>& before, const Console& console) {
  size_t shown = SIZE_MAX;
  while (true) {
    EPIGRID_ASSIGN_OR_RETURN(const pb::GetStatusResponse status,
                             GetStatus(server, options.service));
    size_t asked = 0;
    size_t done = 0;
    for (const pb::ShardStatus& shard : status.services(0).shards()) {
      const auto& only = options.shards;
      if (!only.empty() && std::ranges::find(only, shard.shard()) == only.end()) continue;
      ++asked;
      const auto old = before.find(shard.shard());
      const bool new_view = old == before.end() || shard.generation() != old->second;
      done += new_view && shard.generation() != 0 && shard.building_generation() == 0 ? 1 : 0;
    }
    if (done != shown && !console.json) {
      console.err << fmt::format("{} of {} rebuilt\n", done, FormatCount(asked, "shard", "shards"));
    }
    shown = done;
    if (done == asked) return ExitCode::kOk;
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
  EPIGRID_ASSIGN_OR_RETURN(const pb::GetStatusResponse status, GetStatus(server, options.service));
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
  return Wait(server, options, Generations(status), console);
}

}  // namespace epigrid::ctl
