#include "common/base/proto_time.h"

#include <gtest/gtest.h>

namespace epigrid {
namespace {

google::protobuf::Timestamp Timestamp(int64_t seconds, int32_t nanos) {
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(nanos);
  return timestamp;
}

TEST(ProtoTimeTest, ConvertsBothWays) {
  for (int64_t micros : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{-1'000'000},
                         int64_t{1'650'000'000'123'456}, int64_t{-62'135'596'800'000'000}}) {
    const google::protobuf::Timestamp timestamp = ToProto(Time{micros});
    EXPECT_TRUE(CheckTimestamp(timestamp, "time").ok());
    EXPECT_EQ(FromProto(timestamp), Time{micros});
  }
  EXPECT_EQ(ToProto(Time{-1}).seconds(), -1);
  EXPECT_EQ(ToProto(Time{-1}).nanos(), 999'999'000);
  EXPECT_EQ(FromProto(Timestamp(5, 1999)), Time{5'000'001});
  EXPECT_FALSE(FromProto({}).is_set());
}

TEST(ProtoTimeTest, WhatIsOutOfRangeIsBroughtToTheNearerEnd) {
  EXPECT_EQ(FromProto(Timestamp(INT64_MAX, INT32_MAX)),
            FromProto(Timestamp(253'402'300'799, 999'999'999)));
  EXPECT_EQ(FromProto(Timestamp(INT64_MIN, INT32_MIN)), FromProto(Timestamp(-62'135'596'800, 0)));
  EXPECT_EQ(FromProto(Timestamp(5, -1)), Time::FromSeconds(5));
}

TEST(ProtoTimeTest, RefusesWhatIsOutOfRange) {
  EXPECT_TRUE(CheckTimestamp(Timestamp(253'402'300'799, 999'999'999), "t").ok());
  for (const auto& timestamp :
       {Timestamp(-62'135'596'801, 0), Timestamp(253'402'300'800, 0), Timestamp(0, -1),
        Timestamp(0, 1'000'000'000), Timestamp(INT64_MAX, 0), Timestamp(INT64_MIN, 0)}) {
    const Status status = CheckTimestamp(timestamp, "onset_time");
    EXPECT_EQ(status.reason(), "TIMESTAMP_OUT_OF_RANGE");
    EXPECT_EQ(status.metadata().at("field"), "onset_time");
  }
}

}  // namespace
}  // namespace epigrid
