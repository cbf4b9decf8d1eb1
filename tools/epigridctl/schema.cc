#include "tools/epigridctl/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "google/rpc/error_details.pb.h"
#include "tools/epigridctl/reflection_database.h"

namespace epigrid::ctl {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

std::string FullName(const MethodDescriptor& method) {
  return fmt::format("{}/{}", method.service()->full_name(), method.name());
}

// Whether people who write `name` may mean this method: the end of its full name, or "<part of the
// package>.Method".
bool IsMeant(const MethodDescriptor& method, const std::string& name) {
  const std::string full = FullName(method);
  if (full == name) return true;
  if (full.ends_with("/" + name) || full.ends_with("." + name)) return true;
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos || name.find('/') != std::string::npos) return false;
  const std::string package = "." + method.service()->file()->package() + ".";
  return method.name() == name.substr(dot + 1) &&
         package.find("." + name.substr(0, dot) + ".") != std::string::npos;
}

// The files of a service, its own first, each once.
void CollectFiles(const FileDescriptor* file, std::set<const FileDescriptor*>& files) {
  if (!files.insert(file).second) return;
  for (int i = 0; i < file->dependency_count(); ++i) CollectFiles(file->dependency(i), files);
}

void CollectTypes(const Descriptor* type, const std::string& short_name,
                  std::set<std::string>& full_names) {
  if (type->name() == short_name) full_names.insert(type->full_name());
  for (int i = 0; i < type->enum_type_count(); ++i) {
    if (type->enum_type(i)->name() == short_name) {
      full_names.insert(type->enum_type(i)->full_name());
    }
  }
  for (int i = 0; i < type->nested_type_count(); ++i) {
    CollectTypes(type->nested_type(i), short_name, full_names);
  }
}

}  // namespace

Schema::Schema(Connection& connection)
    : reflected_(std::make_unique<ReflectionDatabase>(connection)),
      known_(*google::rpc::ErrorInfo::descriptor()->file()->pool()),
      merged_(reflected_.get(), &known_),
      pool_(&merged_),
      factory_(&pool_) {}

Schema::~Schema() = default;

Result<std::vector<std::string>> Schema::Services() { return reflected_->ListServices(); }

Status Schema::CheckConnection() const { return reflected_->status(); }

const ServiceDescriptor* Schema::FindService(const std::string& full_name) {
  return pool_.FindServiceByName(full_name);
}

Result<const MethodDescriptor*> Schema::FindMethod(const std::string& name) {
  const std::string wanted = name.starts_with('/') ? name.substr(1) : name;
  EPIGRID_ASSIGN_OR_RETURN(const std::vector<std::string> services, Services());
  std::vector<const MethodDescriptor*> meant;
  std::vector<std::string> names;
  for (const std::string& service_name : services) {
    const ServiceDescriptor* service = FindService(service_name);
    for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
      const MethodDescriptor* method = service->method(i);
      if (FullName(*method) == wanted) return method;
      if (!IsMeant(*method, wanted)) continue;
      meant.push_back(method);
      names.push_back(FullName(*method));
    }
  }
  EPIGRID_RETURN_IF_ERROR(CheckConnection());
  if (meant.size() == 1) return meant.front();
  if (meant.empty()) {
    return NotFound("METHOD_UNKNOWN",
                    "the server has no such method: `epigridctl call` lists those it has");
  }
  return InvalidArgument("METHOD_AMBIGUOUS", fmt::format("that may be {}: write more of the name",
                                                         fmt::join(names, " or ")));
}

Result<std::string> Schema::Describe(const std::string& name) {
  EPIGRID_ASSIGN_OR_RETURN(const std::vector<std::string> services, Services());
  std::set<const FileDescriptor*> files;
  for (const std::string& service_name : services) {
    if (const ServiceDescriptor* service = FindService(service_name)) {
      CollectFiles(service->file(), files);
    }
  }
  std::set<std::string> full_names;
  for (const FileDescriptor* file : files) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      CollectTypes(file->message_type(i), name, full_names);
    }
    if (const auto* type = file->FindEnumTypeByName(name)) full_names.insert(type->full_name());
    if (const auto* type = file->FindServiceByName(name)) full_names.insert(type->full_name());
  }
  if (full_names.size() > 1) {
    return InvalidArgument("TYPE_AMBIGUOUS", fmt::format("that may be {}: write the full name",
                                                         fmt::join(full_names, " or ")));
  }
  const std::string full_name = full_names.empty() ? name : *full_names.begin();
  if (const auto* type = pool_.FindMessageTypeByName(full_name)) return type->DebugString();
  if (const auto* type = pool_.FindEnumTypeByName(full_name)) return type->DebugString();
  if (const auto* type = pool_.FindServiceByName(full_name)) return type->DebugString();
  EPIGRID_RETURN_IF_ERROR(CheckConnection());
  Result<const MethodDescriptor*> method = FindMethod(name);
  if (method.ok()) {
    return fmt::format("{}\n{}\n{}", (*method)->DebugString(),
                       (*method)->input_type()->DebugString(),
                       (*method)->output_type()->DebugString());
  }
  if (method.status().reason() != "METHOD_UNKNOWN") return method.status();
  return NotFound("TYPE_UNKNOWN",
                  "the server has no message, enum, service or method of this name");
}

std::unique_ptr<Message> Schema::New(const Descriptor& type) {
  return std::unique_ptr<Message>(factory_.GetPrototype(&type)->New());
}

std::unique_ptr<Message> Schema::Unpack(const std::string& type_url, const std::string& content) {
  const Descriptor* type = pool_.FindMessageTypeByName(type_url.substr(type_url.rfind('/') + 1));
  if (type == nullptr) return nullptr;
  std::unique_ptr<Message> message = New(*type);
  return message->ParseFromString(content) ? std::move(message) : nullptr;
}

}  // namespace epigrid::ctl
