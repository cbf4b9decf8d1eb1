#include "common/base/proto_time.h"

#include <algorithm>
#include <string>

namespace epigrid {
namespace {

// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, as timestamp.proto says.
constexpr int64_t kSecondsMin = -62'135'596'800;
constexpr int64_t kSecondsMax = 253'402'300'799;
constexpr int32_t kNanosMax = 999'999'999;

}  // namespace

Time FromProto(const google::protobuf::Timestamp& timestamp) {
  const int64_t seconds = std::clamp(timestamp.seconds(), kSecondsMin, kSecondsMax);
  return {seconds * 1'000'000 + std::clamp(timestamp.nanos(), 0, kNanosMax) / 1000};
}

google::protobuf::Timestamp ToProto(Time time) {
  int64_t seconds = time.micros / 1'000'000;
  int64_t micros = time.micros % 1'000'000;
  if (micros < 0) {  // nanos count forward, also before 1970
    --seconds;
    micros += 1'000'000;
  }
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(static_cast<int32_t>(micros * 1000));
  return timestamp;
}

Status CheckTimestamp(const google::protobuf::Timestamp& timestamp, std::string_view field) {
  if (timestamp.seconds() >= kSecondsMin && timestamp.seconds() <= kSecondsMax &&
      timestamp.nanos() >= 0 && timestamp.nanos() <= kNanosMax) {
    return OkStatus();
  }
  return InvalidArgument("TIMESTAMP_OUT_OF_RANGE",
                         std::string(field) +
                             " must lie in the years 0001 to 9999, with nanos from 0 to 999999999")
      .With("field", std::string(field));
}

}  // namespace epigrid
