#include "tools/epigridctl/operations_calls.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <memory>

#include "common/base/proto_time.h"

namespace epigrid::ctl {
namespace {

namespace pb = operations::v1;

void AddQuiet(const pb::AwaitQuietResponse& one, pb::AwaitQuietResponse& sum) {
  sum.set_backed_off_count(sum.backed_off_count() + one.backed_off_count());
  if (!one.has_next_attempt_time()) return;
  const bool first = !sum.has_next_attempt_time() ||
                     FromProto(one.next_attempt_time()) < FromProto(sum.next_attempt_time());
  if (first) *sum.mutable_next_attempt_time() = one.next_attempt_time();
}

}  // namespace

using google::protobuf::Message;

Status CallOperations(Connection& server, std::string_view method, const Message& request,
                      Message* response, Duration timeout) {
  return server.Call(std::string("/epigrid.operations.v1.OperationsService/").append(method),
                     request, response, timeout);
}

Status CallAllServers(const Servers& servers, std::string_view method, const Message& request,
                      Message* response, Duration timeout) {
  Status not_here;
  bool answered = false;
  for (const auto& server : servers.All()) {
    const std::unique_ptr<Message> one(response->New());
    const Status status = CallOperations(*server, method, request, one.get(), timeout);
    if (status.reason() == "SERVICE_NOT_HERE") {
      not_here = status;
      continue;
    }
    EPIGRID_RETURN_IF_ERROR(status);
    answered = true;
    response->MergeFrom(*one);
  }
  return answered ? OkStatus() : not_here;
}

Result<pb::AwaitQuietResponse> AwaitQuietOnAll(const Servers& servers,
                                               const pb::AwaitQuietRequest& request,
                                               Duration timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  // What one process does may make work for another that was quiet before. Work moves on by at
  // least one service a round.
  const size_t count = servers.All().size();
  const size_t rounds = count == 1 ? 1 : count + 1;
  pb::AwaitQuietResponse sum;
  for (size_t round = 0; round < rounds; ++round) {
    sum.Clear();
    for (const auto& server : servers.All()) {
      const auto left =
          std::chrono::duration_cast<Duration>(end - std::chrono::steady_clock::now());
      pb::AwaitQuietResponse response;
      EPIGRID_RETURN_IF_ERROR(
          CallOperations(*server, "AwaitQuiet", request, &response,
                         std::max<Duration>(left, std::chrono::milliseconds(1))));
      AddQuiet(response, sum);
    }
  }
  return sum;
}

void PrintJson(const Message& message, const Console& console) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  options.add_whitespace = true;
  std::string json;
  const auto printed = google::protobuf::util::MessageToJsonString(message, &json, options);
  EPIGRID_CHECK(printed.ok(), "the operations' messages hold nothing that JSON cannot say");
  console.out << json << (json.ends_with('\n') ? "" : "\n");
}

}  // namespace epigrid::ctl
