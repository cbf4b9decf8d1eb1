#include "tools/epigridctl/operations_calls.h"

#include <google/protobuf/util/json_util.h>

#include <memory>

namespace epigrid::ctl {

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
