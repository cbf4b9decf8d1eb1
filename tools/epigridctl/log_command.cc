// epigridctl log tail.
#include <fmt/format.h>

#include "common/base/proto_time.h"
#include "epigrid/operations/v1/operations.pb.h"
#include "tools/epigridctl/operations_calls.h"
#include "tools/epigridctl/operations_commands.h"
#include "tools/epigridctl/text.h"

namespace epigrid::ctl {
namespace {

namespace pb = operations::v1;

constexpr Duration kPollInterval = std::chrono::milliseconds(500);
constexpr int32_t kPageSizeMax = 1000;

// One entry a line.
void Print(const pb::LogEntry& entry, const Console& console) {
  if (console.json) {
    const std::string& envelope = entry.envelope_json();
    console.out << fmt::format("{{\"offset\":{},\"append_time\":\"{}\",\"envelope\":{}}}\n",
                               entry.offset(),
                               FormatLocalTime(FromProto(entry.append_time()), absl::UTCTimeZone()),
                               envelope.empty() ? "null" : envelope);
    return;
  }
  console.out << fmt::format(
      "{:>10}  {}  {}  {}\n", entry.offset(),
      FormatLocalTime(FromProto(entry.append_time()), console.zone),
      entry.key().empty() ? "-" : Printable(entry.key()),
      entry.envelope_json().empty() ? "(is no envelope)" : Printable(entry.envelope_json()));
}

}  // namespace

Result<ExitCode> TailLog(const Servers& servers, const LogTailOptions& options,
                         const Console& console) {
  Connection& server = servers.Of(options.topic.substr(0, options.topic.find('.')));
  pb::ReadLogRequest request;
  request.set_topic(options.topic);
  request.set_shard(options.shard);
  request.set_page_size(options.count);
  request.set_tail(options.from == 0);
  if (options.from > 0) request.set_after_offset(options.from - 1);
  while (true) {
    pb::ReadLogResponse response;
    EPIGRID_RETURN_IF_ERROR(CallOperations(server, "ReadLog", request, &response));
    for (const pb::LogEntry& entry : response.entries()) {
      Print(entry, console);
      request.set_after_offset(entry.offset());
    }
    console.out.flush();
    if (!options.follow) {
      if (response.entries().empty()) {
        console.err << fmt::format(
            "{} shard {} has no such record; its last is at {}{}.\n", options.topic, options.shard,
            response.log_end(),
            response.log_start() == 0
                ? ""
                : fmt::format(", and those up to {} were cut", response.log_start()));
      }
      return ExitCode::kOk;
    }
    if (request.tail() && response.entries().empty()) {
      request.set_after_offset(response.log_end());
    }
    request.set_tail(false);
    request.set_page_size(kPageSizeMax);
    const bool more = response.entries_size() == kPageSizeMax;
    if (!more && !console.waiter.WaitFor(kPollInterval)) return ExitCode::kInterrupted;
  }
}

}  // namespace epigrid::ctl
