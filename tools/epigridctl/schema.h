// Schema: what a server serves, learnt from it by gRPC's reflection: services, methods, and
// messages that were not known when this program was built.
//
//   Schema schema(connection);
//   EPIGRID_ASSIGN_OR_RETURN(const auto* method, schema.FindMethod("identity.GetPerson"));
//   std::unique_ptr<Message> request = schema.New(*method->input_type());
//
// Descriptors live as long as the schema. Threads: one at a time.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/dynamic_message.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "tools/epigridctl/connection.h"

namespace epigrid::ctl {

class ReflectionDatabase;

class Schema {
 public:
  explicit Schema(Connection& connection);
  ~Schema();

  // Full names, sorted. The errors of the call.
  Result<std::vector<std::string>> Services();

  // By the full name "epigrid.identity.v1.IdentityService/GetPerson", or any part of it that no
  // other method ends with: "IdentityService/GetPerson", "identity.GetPerson", "GetPerson".
  // NOT_FOUND METHOD_UNKNOWN, INVALID_ARGUMENT METHOD_AMBIGUOUS, and the errors of the call.
  Result<const google::protobuf::MethodDescriptor*> FindMethod(const std::string& name);

  // Null: the server does not know it.
  const google::protobuf::ServiceDescriptor* FindService(const std::string& full_name);

  // A message, enum, service or method by its full name, or a message or enum of the packages
  // served by its short name, in the form of a .proto file. NOT_FOUND TYPE_UNKNOWN;
  // INVALID_ARGUMENT TYPE_AMBIGUOUS.
  Result<std::string> Describe(const std::string& name);

  std::unique_ptr<google::protobuf::Message> New(const google::protobuf::Descriptor& type);

  // What is inside an Any; null if its type is not known or its content does not parse.
  std::unique_ptr<google::protobuf::Message> Unpack(const std::string& type_url,
                                                    const std::string& content);

 private:
  // The call's error if it failed since the schema was made.
  Status CheckConnection() const;

  std::unique_ptr<ReflectionDatabase> reflected_;
  google::protobuf::DescriptorPoolDatabase known_;  // for types that a server does not tell of
  google::protobuf::MergedDescriptorDatabase merged_;
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
};

}  // namespace epigrid::ctl
