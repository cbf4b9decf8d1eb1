// epigridctl parked, ignored, quiesce.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "common/base/proto_time.h"
#include "epigrid/operations/v1/operations.pb.h"
#include "tools/epigridctl/operations_calls.h"
#include "tools/epigridctl/operations_commands.h"
#include "tools/epigridctl/text.h"

namespace epigrid::ctl {
namespace {

namespace pb = operations::v1;

// Of the entities that wait, as many are shown.
constexpr int kEntitiesShown = 3;

std::string Entities(const google::protobuf::RepeatedPtrField<std::string>& entities,
                     int64_t count) {
  std::string text;
  for (int i = 0; i < entities.size() && i < kEntitiesShown; ++i) {
    text += (i == 0 ? "" : ", ") + Printable(entities[i]);
  }
  if (text.empty()) return "-";
  const int64_t more = count - kEntitiesShown;
  return more > 0 ? fmt::format("{} and {} more", text, more) : text;
}

}  // namespace

Result<ExitCode> ListParked(const Servers& servers, const std::string& service,
                            const Console& console) {
  pb::ListParkedRecordsRequest request;
  request.set_service(service);
  pb::ListParkedRecordsResponse response;
  EPIGRID_RETURN_IF_ERROR(CallAllServers(servers, "ListParkedRecords", request, &response));
  if (console.json) {
    PrintJson(response, console);
    return ExitCode::kOk;
  }
  if (response.records().empty()) {
    console.out << "No record is parked.\n";
    return ExitCode::kOk;
  }
  std::vector<std::vector<std::string>> table{{"service", "shard", "offset", "why", "who waits"}};
  for (const pb::ParkedRecord& record : response.records()) {
    table.push_back({record.service(), fmt::to_string(record.shard()),
                     fmt::to_string(record.offset()), Printable(record.reason()),
                     Entities(record.entities(), record.entity_count())});
  }
  console.out << FormatTable(table, {1, 2});
  return ExitCode::kOk;
}

Result<ExitCode> RetryParked(const Servers& servers, const std::string& service, uint32_t shard,
                             uint64_t offset, const Console& console) {
  pb::RetryParkedRecordRequest request;
  request.set_service(service);
  request.set_shard(shard);
  request.set_offset(offset);
  pb::RetryParkedRecordResponse response;
  EPIGRID_RETURN_IF_ERROR(
      CallOperations(servers.Of(service), "RetryParkedRecord", request, &response));
  if (console.json) {
    PrintJson(response, console);
  } else {
    console.out << "Folded, and all that waited behind it.\n";
  }
  return ExitCode::kOk;
}

Result<ExitCode> ListIgnored(const Servers& servers, const std::string& service,
                             const std::string& entity, const Console& console) {
  pb::ListIgnoredEventsRequest request;
  request.set_service(service);
  request.set_entity(entity);
  pb::ListIgnoredEventsResponse response;
  EPIGRID_RETURN_IF_ERROR(CallAllServers(servers, "ListIgnoredEvents", request, &response));
  if (console.json) {
    PrintJson(response, console);
    return ExitCode::kOk;
  }
  if (response.events().empty()) {
    console.out << "No event was ignored.\n";
    return ExitCode::kOk;
  }
  std::ranges::sort(*response.mutable_events(), {}, [](const pb::IgnoredEvent& event) {
    return std::tuple(FromProto(event.append_time()), event.service(), event.shard(),
                      event.offset(), event.event_index());
  });
  std::vector<std::vector<std::string>> table{
      {"when", "service", "shard", "offset", "event", "why", "what", "whom"}};
  for (const pb::IgnoredEvent& event : response.events()) {
    table.push_back({FormatLocalTime(FromProto(event.append_time()), console.zone), event.service(),
                     fmt::to_string(event.shard()), fmt::to_string(event.offset()),
                     fmt::to_string(event.event_index()), Printable(event.reason()),
                     event.kind().empty() ? "-" : Printable(event.kind()),
                     Entities(event.entities(), event.entities_size())});
  }
  console.out << FormatTable(table, {2, 3, 4});
  return ExitCode::kOk;
}

Result<ExitCode> AwaitQuiet(const Servers& servers, Duration timeout, const Console& console) {
  EPIGRID_ASSIGN_OR_RETURN(const pb::AwaitQuietResponse quiet,
                           AwaitQuietOnAll(servers, pb::AwaitQuietRequest(), timeout));
  if (console.json) {
    PrintJson(quiet, console);
    return ExitCode::kOk;
  }
  console.out << "Quiet: nothing is left to be done.\n";
  if (quiet.backed_off_count() > 0) {
    console.out << fmt::format("{} failed and will be tried again, first at {}.\n",
                               FormatCount(quiet.backed_off_count(), "message", "messages"),
                               FormatLocalTime(FromProto(quiet.next_attempt_time()), console.zone));
  }
  return ExitCode::kOk;
}

}  // namespace epigrid::ctl
