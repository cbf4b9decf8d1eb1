// Received: the request of a unary call as it came: its bytes, which are read into the message once
// the call is let in. A call that is refused so costs no reading, and one whose bytes are no
// message is answered as any other: gRPC by itself would end it without telling anybody on this
// side.
#pragma once

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>

namespace epigrid::internal {

template <typename Request>
struct Received {
  grpc::ByteBuffer bytes;
  Request message;

  // Once. False: the bytes are no Request.
  bool Read() { return grpc::SerializationTraits<Request>::Deserialize(&bytes, &message).ok(); }
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
    received->bytes.Swap(bytes);
    return Status::OK;
  }
};
