// Received: the request of a unary call as it came, well or not. gRPC by itself ends a call whose
// bytes it cannot read without telling anybody on this side; given this in place of the message it
// hands the call over, so that the pipeline answers it as any other.
#pragma once

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>

namespace epigrid::internal {

enum class RequestFault : uint8_t { kNone, kMalformed, kTooLarge };

template <typename Request>
struct Received {
  explicit Received(size_t most) : bytes_max(most) {}

  const size_t bytes_max;  // a longer one is not read
  RequestFault fault = RequestFault::kNone;
  Request message;  // without a fault
};

// Has gRPC hand over the next call of a method, the index'th of the service. It is what the
// generated RequestMethod does with the message itself.
struct UnaryRequests : grpc::Service {
  template <typename Request>
  static void RequestNext(grpc::Service& service, int index, grpc::ServerContext& context,
                          Received<Request>& request,
                          grpc::internal::ServerAsyncStreamingInterface& writer,
                          grpc::ServerCompletionQueue& queue, void* tag) {
    (service.*&UnaryRequests::RequestAsyncUnary<Received<Request>>)(index, &context, &request,
                                                                    &writer, &queue, &queue, tag);
  }
};

}  // namespace epigrid::internal

template <typename Request>
class grpc::SerializationTraits<epigrid::internal::Received<Request>> {
 public:
  static Status Deserialize(ByteBuffer* bytes, epigrid::internal::Received<Request>* received) {
    using epigrid::internal::RequestFault;
    if (bytes->Length() > received->bytes_max) {
      received->fault = RequestFault::kTooLarge;
      bytes->Clear();
    } else if (!SerializationTraits<Request>::Deserialize(bytes, &received->message).ok()) {
      received->fault = RequestFault::kMalformed;
    }
    return Status::OK;
  }
};
