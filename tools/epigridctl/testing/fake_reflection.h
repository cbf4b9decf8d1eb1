// FakeReflection: gRPC's reflection, answered from the protos that this program is built with.
//
// gRPC's own cannot be in one program with our grpc.reflection.v1alpha protos: both would register
// the same messages.
#pragma once

#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"

namespace epigrid::ctl {

class FakeReflection final : public grpc::reflection::v1alpha::ServerReflection::Service {
 public:
  grpc::Status ServerReflectionInfo(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<grpc::reflection::v1alpha::ServerReflectionResponse,
                               grpc::reflection::v1alpha::ServerReflectionRequest>* stream)
      override;
};

}  // namespace epigrid::ctl
