#include "tools/epigridctl/call_command.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "common/config/command_line.h"
#include "tools/epigridctl/error_text.h"
#include "tools/epigridctl/message_tree.h"
#include "tools/epigridctl/schema.h"

namespace epigrid::ctl {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::util::JsonPrintOptions;
using google::protobuf::util::JsonStringToMessage;
using google::protobuf::util::MessageToJsonString;

std::string Signature(const MethodDescriptor& method) {
  return fmt::format("{}({}{}) returns ({}{})", method.name(),
                     method.client_streaming() ? "stream " : "", method.input_type()->name(),
                     method.server_streaming() ? "stream " : "", method.output_type()->name());
}

Result<std::string> ReadRequest(const std::string& request) {
  if (request == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  if (request.starts_with('@')) return ReadFile(request.substr(1));
  return request.empty() ? "{}" : request;
}

Status Malformed(const std::string& message) {
  return InvalidArgument("REQUEST_MALFORMED", message);
}

Result<std::unique_ptr<Message>> ParseRequest(Schema& schema, const Descriptor& type,
                                              const std::string& json) {
  std::unique_ptr<Message> message = schema.New(type);
  const auto parsed = JsonStringToMessage(json, message.get());
  if (parsed.ok()) return message;
  return Malformed(fmt::format("the request is no {}: {}. `epigridctl describe {}` shows it",
                               type.name(), parsed.message().ToString(), type.name()));
}

Result<std::vector<std::unique_ptr<Message>>> ParseRequests(Schema& schema,
                                                            const MethodDescriptor& method,
                                                            const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Malformed("the request is no JSON");
  std::vector<std::string> texts;
  if (method.client_streaming() && json.is_array()) {
    for (const auto& item : json) texts.push_back(item.dump());
  } else {
    texts.push_back(text);
  }
  std::vector<std::unique_ptr<Message>> requests;
  for (const std::string& one : texts) {
    EPIGRID_ASSIGN_OR_RETURN(requests.emplace_back(),
                             ParseRequest(schema, *method.input_type(), one));
  }
  return requests;
}

Status Print(const Message& message, Schema& schema, const Console& console) {
  if (!console.json) {
    console.out << FormatMessage(message, console.zone, &schema);
    return OkStatus();
  }
  JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = true;
  std::string json;
  if (const auto printed = MessageToJsonString(message, &json, options); !printed.ok()) {
    return Internal("ANSWER_NOT_PRINTABLE", printed.message().ToString());
  }
  console.out << json << (json.ends_with('\n') ? "" : "\n");
  return OkStatus();
}

// A method, and the schema that knows it.
struct Found {
  std::unique_ptr<Schema> schema;
  const MethodDescriptor* method = nullptr;
};

// On the first server that has it.
Result<Found> Find(const Servers& servers, const std::string& name) {
  Status not_found;
  for (const auto& server : servers.All()) {
    Found found{.schema = std::make_unique<Schema>(*server)};
    Result<const MethodDescriptor*> method = found.schema->FindMethod(name);
    if (method.ok()) {
      found.method = *method;
      return found;
    }
    if (method.status().reason() != "METHOD_UNKNOWN") return method.status();
    not_found = method.status();
  }
  return not_found;
}

}  // namespace

Status ListMethods(const Servers& servers, const Console& console) {
  std::set<std::string> listed;
  nlohmann::json json = nlohmann::json::object();
  for (const auto& server : servers.All()) {
    Schema schema(*server);
    EPIGRID_ASSIGN_OR_RETURN(const std::vector<std::string> names, schema.Services());
    for (const std::string& name : names) {
      if (!listed.insert(name).second) continue;
      const ServiceDescriptor* service = schema.FindService(name);
      if (!console.json) console.out << name << "\n";
      json[name] = nlohmann::json::array();
      for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
        const MethodDescriptor& method = *service->method(i);
        if (!console.json) console.out << "  " << Signature(method) << "\n";
        json[name].push_back({{"method", method.name()},
                              {"request", method.input_type()->full_name()},
                              {"response", method.output_type()->full_name()}});
      }
    }
  }
  if (console.json) console.out << json.dump(2) << "\n";
  return OkStatus();
}

Status CallMethod(const Servers& servers, const std::string& name, const std::string& request,
                  const Console& console) {
  EPIGRID_ASSIGN_OR_RETURN(const std::string text, ReadRequest(request));
  EPIGRID_ASSIGN_OR_RETURN(const Found found, Find(servers, name));
  const MethodDescriptor& method = *found.method;
  EPIGRID_ASSIGN_OR_RETURN(const auto requests, ParseRequests(*found.schema, method, text));
  const std::string path = fmt::format("/{}/{}", method.service()->full_name(), method.name());
  const std::unique_ptr<Message> response = found.schema->New(*method.output_type());
  Status printed;
  bool first = true;
  const auto on_response = [&] {
    if (!first && !console.json) console.out << "---\n";
    first = false;
    if (printed.ok()) printed = Print(*response, *found.schema, console);
    console.out.flush();
  };
  EPIGRID_RETURN_IF_ERROR(
      servers.OfFullName(path).Exchange(path, requests, response.get(), on_response, Duration(0)));
  return printed;
}

Status DescribeType(const Servers& servers, const std::string& name, const Console& console) {
  Status not_found;
  for (const auto& server : servers.All()) {
    Schema schema(*server);
    const Result<std::string> text = schema.Describe(name);
    if (text.ok()) {
      console.out << *text;
      return OkStatus();
    }
    if (text.status().reason() != "TYPE_UNKNOWN") return text.status();
    not_found = text.status();
  }
  return not_found;
}

}  // namespace epigrid::ctl
