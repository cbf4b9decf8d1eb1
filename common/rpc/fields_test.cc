#include "common/rpc/fields.h"

#include <gtest/gtest.h>

#include "common/base/proto_time.h"

namespace epigrid {
namespace {

TEST(FieldsTest, SourcesAreShortPlainNames) {
  EXPECT_TRUE(CheckSource("venue-scan_2.b", "source").ok());
  EXPECT_TRUE(CheckSource(std::string(64, 'a'), "source").ok());
  for (const std::string& bad : {std::string(), std::string(65, 'a'), std::string("Scan"),
                                 std::string("a/b"), std::string("a b"), std::string("扫")}) {
    const Status status = CheckSource(bad, "observation.source");
    EXPECT_EQ(status.reason(), "SOURCE_MALFORMED");
    EXPECT_EQ(status.metadata().at("field"), "observation.source");
  }
}

TEST(FieldsTest, SourceIdsArePrintableWithoutSlash) {
  EXPECT_TRUE(CheckSourceId("A-1:2|x", "source_id").ok());
  for (const std::string& bad : {std::string(), std::string(129, 'a'), std::string("a/b"),
                                 std::string("a b"), std::string("a\x01")}) {
    EXPECT_EQ(CheckSourceId(bad, "source_id").reason(), "SOURCE_ID_MALFORMED");
  }
}

TEST(FieldsTest, TextIsUtf8WithoutControlCharacters) {
  EXPECT_TRUE(CheckText("第一医院 No. 1", 64, "laboratory").ok());
  EXPECT_EQ(CheckText("abcd", 3, "laboratory").reason(), "TEXT_TOO_LONG");
  EXPECT_TRUE(CheckText("张三😀é", 4, "laboratory").ok());
  EXPECT_EQ(CheckText("张三😀é", 3, "laboratory").reason(), "TEXT_TOO_LONG");
  EXPECT_EQ(CheckText("a\nb", 64, "laboratory").reason(), "TEXT_MALFORMED");
  EXPECT_EQ(CheckText("a\xc2\x85"
                      "b",
                      64, "laboratory")
                .reason(),
            "TEXT_MALFORMED");  // U+0085
  EXPECT_EQ(CheckText("\xff\xfe", 64, "laboratory").reason(), "TEXT_MALFORMED");
  EXPECT_EQ(CheckText("\xe7\xac", 64, "laboratory").reason(), "TEXT_MALFORMED");
}

TEST(FieldsTest, TimesAreSetAndNotInTheFuture) {
  const Time now = Time::FromSeconds(1'700'000'000);
  EXPECT_TRUE(CheckPastTime(true, ToProto(now), now, "t").ok());
  EXPECT_TRUE(CheckPastTime(true, ToProto(now + kFutureSlack), now, "t").ok());
  EXPECT_EQ(CheckPastTime(true, ToProto(now + kFutureSlack + Duration(1)), now, "t").reason(),
            "TIME_IN_FUTURE");
  EXPECT_EQ(CheckPastTime(false, {}, now, "t").reason(), "TIME_MISSING");
  const Duration age_max = std::chrono::hours(24);
  EXPECT_TRUE(CheckRecentTime(true, ToProto(now - age_max), now, age_max, "t").ok());
  EXPECT_EQ(CheckRecentTime(true, ToProto(now - age_max - Duration(1)), now, age_max, "t").reason(),
            "TIME_TOO_OLD");
  EXPECT_EQ(CheckRecentTime(true, {}, now, age_max, "t").reason(), "TIME_TOO_OLD");
  EXPECT_EQ(CheckRecentTime(false, {}, now, age_max, "t").reason(), "TIME_MISSING");
}

TEST(FieldsTest, ARegionIsDigitsOrNothing) {
  EXPECT_TRUE(CheckRegionCode("", "region_code").ok());
  EXPECT_TRUE(CheckRegionCode("31", "region_code").ok());
  EXPECT_TRUE(CheckRegionCode("31010100600123456789", "region_code").ok());
  for (const char* code : {"3", "310101006001234567890", "31a", "３１"}) {
    EXPECT_EQ(CheckRegionCode(code, "region_code").reason(), "REGION_CODE_MALFORMED") << code;
  }
}

TEST(FieldsTest, BatchesAndPagesHaveLimits) {
  EXPECT_EQ(CheckBatchSize(0, 10, "items").reason(), "BATCH_EMPTY");
  EXPECT_TRUE(CheckBatchSize(10, 10, "items").ok());
  EXPECT_EQ(CheckBatchSize(11, 10, "items").reason(), "BATCH_TOO_LARGE");
  EXPECT_EQ(CheckPageSize(0).value(), 100u);
  EXPECT_EQ(CheckPageSize(1000).value(), 1000u);
  EXPECT_EQ(CheckPageSize(1001).status().reason(), "PAGE_SIZE_OUT_OF_RANGE");
  EXPECT_EQ(CheckPageSize(-1).status().reason(), "PAGE_SIZE_OUT_OF_RANGE");
}

}  // namespace
}  // namespace epigrid
