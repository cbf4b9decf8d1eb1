// Times as the fold reads them from events: whatever stands there, arithmetic on it is defined.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <cstdint>

#include "common/base/clock.h"
#include "common/base/proto_time.h"

namespace epigrid::contact_tracing {

// Years 0001 to 9999; what lies outside is brought to the nearer end. The API refuses such times,
// so that only a record that did not come through it holds one.
inline Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  const int64_t seconds =
      std::clamp<int64_t>(timestamp.seconds(), -62'135'596'800, 253'402'300'799);
  const int64_t nanos = std::clamp<int64_t>(timestamp.nanos(), 0, 999'999'999);
  return {seconds * 1'000'000 + nanos / 1000};
}

// Local days of the same years, as a message states them.
inline bool IsDay(int32_t day) { return day >= -719'163 && day <= 2'932'898; }

}  // namespace epigrid::contact_tracing
