#include "tools/epigridctl/testing/fake_reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/grpcpp.h>

namespace epigrid::ctl {

namespace reflection = grpc::reflection::v1alpha;
using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

namespace {

void AddFile(const FileDescriptor* file, reflection::ServerReflectionResponse& answer) {
  if (file == nullptr) {
    answer.mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
    answer.mutable_error_response()->set_error_message("not found");
    return;
  }
  google::protobuf::FileDescriptorProto proto;
  file->CopyTo(&proto);
  answer.mutable_file_descriptor_response()->add_file_descriptor_proto(proto.SerializeAsString());
}

}  // namespace

grpc::Status FakeReflection::ServerReflectionInfo(
    grpc::ServerContext*, grpc::ServerReaderWriter<reflection::ServerReflectionResponse,
                                                   reflection::ServerReflectionRequest>* stream) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  reflection::ServerReflectionRequest question;
  while (stream->Read(&question)) {
    reflection::ServerReflectionResponse answer;
    *answer.mutable_original_request() = question;
    if (question.has_list_services()) {
      for (const char* name :
           {"epigrid.identity.v1.IdentityService",
            "epigrid.contact_tracing.v1.ContactTracingService",
            "epigrid.health_code.v1.HealthCodeService", "epigrid.operations.v1.OperationsService",
            "grpc.reflection.v1alpha.ServerReflection"}) {
        answer.mutable_list_services_response()->add_service()->set_name(name);
      }
    } else if (question.has_file_by_filename()) {
      AddFile(pool.FindFileByName(question.file_by_filename()), answer);
    } else {
      AddFile(pool.FindFileContainingSymbol(question.file_containing_symbol()), answer);
    }
    stream->Write(answer);
  }
  return grpc::Status::OK;
}

}  // namespace epigrid::ctl
