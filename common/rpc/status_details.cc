#include "common/rpc/status_details.h"

#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>

#include <charconv>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace epigrid {
namespace {

constexpr char kField[] = "field";
constexpr char kRetryAfterMs[] = "retry_after_ms";

Code ToCode(int code) { return code >= 0 && code <= 16 ? static_cast<Code>(code) : Code::kUnknown; }

}  // namespace

void SetProtoStatus(const Status& status, google::rpc::Status* proto) {
  proto->Clear();
  if (status.ok()) return;
  proto->set_code(static_cast<int>(status.code()));
  proto->set_message(status.message());
  google::rpc::ErrorInfo info;
  info.set_reason(status.reason());
  info.set_domain(std::string(kErrorDomain));
  for (const auto& [key, value] : status.metadata()) (*info.mutable_metadata())[key] = value;
  proto->add_details()->PackFrom(info);
  if (auto field = status.metadata().find(kField); field != status.metadata().end()) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(field->second);
    violation->set_description(status.message());
    proto->add_details()->PackFrom(bad_request);
  }
  if (auto retry = status.metadata().find(kRetryAfterMs); retry != status.metadata().end()) {
    int64_t millis = 0;
    std::from_chars(retry->second.data(), retry->second.data() + retry->second.size(), millis);
    google::rpc::RetryInfo retry_info;
    *retry_info.mutable_retry_delay() =
        google::protobuf::util::TimeUtil::MillisecondsToDuration(millis);
    proto->add_details()->PackFrom(retry_info);
  }
}

Status FromProtoStatus(const google::rpc::Status& proto) {
  const Code code = ToCode(proto.code());
  if (code == Code::kOk) return OkStatus();
  for (const google::protobuf::Any& detail : proto.details()) {
    google::rpc::ErrorInfo info;
    if (!detail.UnpackTo(&info)) continue;
    Status status(code, info.reason(), proto.message());
    for (const auto& [key, value] : info.metadata()) status = std::move(status).With(key, value);
    return status;
  }
  return {code, fmt::format("RPC_{}", CodeName(code)), proto.message()};
}

grpc::Status ToGrpcStatus(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status proto;
  SetProtoStatus(status, &proto);
  return {static_cast<grpc::StatusCode>(status.code()), status.message(),
          proto.SerializeAsString()};
}

Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return OkStatus();
  google::rpc::Status proto;
  // Another server's details may be anything; without ours the code and the message say what there
  // is to say.
  if (!proto.ParseFromString(status.error_details())) proto.Clear();
  proto.set_code(status.error_code());
  proto.set_message(status.error_message());
  return FromProtoStatus(proto);
}

Status WithRetryAfter(Status status, Duration delay) {
  return std::move(status).With(kRetryAfterMs, fmt::format("{}", delay.count() / 1000));
}

}  // namespace epigrid
