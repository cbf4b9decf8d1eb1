// Times at the edge: google.protobuf.Timestamp in messages, Time everywhere else.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <string_view>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace epigrid {

// What is below a microsecond is cut off. An unset Timestamp is the Time that is not set. What lies
// outside of what CheckTimestamp allows, which only a record holds that came through no API, is
// brought to the nearer end, so that arithmetic on it is defined.
Time FromProto(const google::protobuf::Timestamp& timestamp);
google::protobuf::Timestamp ToProto(Time time);

// OK if seconds lie in the years 0001 to 9999 and nanos in 0 to 999,999,999; else INVALID_ARGUMENT
// with reason TIMESTAMP_OUT_OF_RANGE and metadata "field".
Status CheckTimestamp(const google::protobuf::Timestamp& timestamp, std::string_view field);

}  // namespace epigrid
