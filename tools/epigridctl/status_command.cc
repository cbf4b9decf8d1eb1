// epigridctl status, digests.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "epigrid/operations/v1/operations.pb.h"
#include "tools/epigridctl/operations_calls.h"
#include "tools/epigridctl/operations_commands.h"
#include "tools/epigridctl/text.h"

namespace epigrid::ctl {
namespace {

namespace pb = operations::v1;
using Table = std::vector<std::vector<std::string>>;

Duration Age(const pb::ShardStatus& shard) {
  return std::chrono::milliseconds(shard.event_age_ms());
}

// Empty: it is well.
std::vector<std::string> Troubles(const pb::ShardStatus& shard, Duration age_max) {
  std::vector<std::string> troubles;
  if (shard.owner().empty()) troubles.emplace_back("no owner");
  if (shard.generation() == 0) troubles.emplace_back("no view");
  if (!shard.log_problem().empty()) troubles.push_back(Printable(shard.log_problem()));
  if (shard.parked_count() > 0) {
    troubles.push_back(FormatCount(shard.parked_count(), "record parked", "records parked"));
  }
  if (shard.rebuild_differed()) troubles.emplace_back("its last rebuild differed");
  if (Age(shard) > age_max) troubles.push_back("behind for " + FormatAge(Age(shard)));
  return troubles;
}

std::string Generation(uint64_t generation) {
  return generation == 0 ? "-" : fmt::to_string(generation);
}

struct Counts {
  size_t unwell = 0;
  Table services;
  Table shards;
};

void CountService(const pb::ServiceStatus& service, const StatusOptions& options, Counts& counts) {
  size_t unwell = 0;
  size_t behind = 0;
  size_t building = 0;
  uint64_t parked = 0;
  Duration age_max{0};
  std::set<std::string> owners;
  for (const pb::ShardStatus& shard : service.shards()) {
    std::vector<std::string> notes = Troubles(shard, options.age_max);
    unwell += notes.empty() ? 0 : 1;
    behind += shard.applied() < shard.log_end() ? 1 : 0;
    building += shard.building_generation() != 0 ? 1 : 0;
    parked += shard.parked_count();
    age_max = std::max(age_max, Age(shard));
    if (!shard.owner().empty()) owners.insert(shard.owner());
    if (shard.building_generation() != 0) {
      notes.push_back(fmt::format("building generation {}, at offset {}",
                                  shard.building_generation(), shard.building_applied()));
    }
    if (notes.empty() && !options.all) continue;
    counts.shards.push_back(
        {service.service(), fmt::to_string(shard.shard()),
         shard.owner().empty() ? "-" : Printable(shard.owner()), fmt::to_string(shard.applied()),
         fmt::to_string(shard.log_end()), FormatAge(Age(shard)), Generation(shard.generation()),
         fmt::to_string(shard.parked_count()), fmt::format("{}", fmt::join(notes, "; "))});
  }
  counts.unwell += unwell;
  counts.services.push_back(
      {service.service(), fmt::to_string(service.shards_size()), fmt::to_string(owners.size()),
       fmt::to_string(behind), FormatAge(age_max), FormatCount(parked), fmt::to_string(building),
       unwell == 0 ? "well" : FormatCount(unwell, "shard not well", "shards not well")});
}

}  // namespace

Result<ExitCode> ShowStatus(const Servers& servers, const StatusOptions& options,
                            const Console& console) {
  pb::GetStatusRequest request;
  request.set_service(options.service);
  pb::GetStatusResponse response;
  EPIGRID_RETURN_IF_ERROR(CallAllServers(servers, "GetStatus", request, &response));
  Counts counts{.services = {{"service", "shards", "owners", "behind", "oldest", "parked",
                              "building", "state"}},
                .shards = {{"service", "shard", "owner", "offset", "end", "age", "generation",
                            "parked", "note"}}};
  for (const pb::ServiceStatus& service : response.services()) {
    CountService(service, options, counts);
  }
  if (console.json) {
    PrintJson(response, console);
  } else {
    console.out << FormatTable(counts.services, {1, 2, 3, 4, 5, 6});
    if (counts.shards.size() > 1) {
      console.out << "\n" << FormatTable(counts.shards, {1, 3, 4, 5, 6, 7});
    }
  }
  return counts.unwell == 0 ? ExitCode::kOk : ExitCode::kPartly;
}

Result<ExitCode> ShowDigests(const Servers& servers, const std::string& service, Duration timeout,
                             const Console& console) {
  pb::GetDigestsRequest request;
  request.set_service(service);
  pb::GetDigestsResponse response;
  EPIGRID_RETURN_IF_ERROR(CallAllServers(servers, "GetDigests", request, &response, timeout));
  Table table{{"service", "shard", "cells", "digest", "note"}};
  size_t differing = 0;
  for (const pb::ShardDigest& digest : response.digests()) {
    const bool differs = digest.digest() != digest.expected_digest();
    differing += differs ? 1 : 0;
    table.push_back({digest.service(), fmt::to_string(digest.shard()),
                     FormatCount(digest.cell_count()), Printable(digest.digest()),
                     differs ? "expected " + Printable(digest.expected_digest()) : ""});
  }
  if (console.json) {
    PrintJson(response, console);
  } else {
    console.out << FormatTable(table, {1, 2});
    if (differing > 0) {
      console.out << fmt::format(
          "\n{}: the view was changed behind the projector's back. Rebuild with `epigridctl "
          "rebuild SERVICE --shard N`.\n",
          FormatCount(differing, "digest is not as expected", "digests are not as expected"));
    }
  }
  return differing == 0 ? ExitCode::kOk : ExitCode::kPartly;
}

}  // namespace epigrid::ctl
