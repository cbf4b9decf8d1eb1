#include "tools/epigridctl/text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tools/epigridctl/error_text.h"

namespace epigrid::ctl {
namespace {

TEST(TextTest, WhatCouldSteerTheTerminalIsWritten) {
  EXPECT_EQ(Printable("a\x1b[31mb\nc"), "a\\x1B[31mb\\x0Ac");
  EXPECT_EQ(Printable("\xE5\xBC\xA0\xE4\xBC\x9F"), "\xE5\xBC\xA0\xE4\xBC\x9F");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "2J"),
            "\\xC2\\x9B2J");
  EXPECT_EQ(Printable("\xE2\x80\xAE"
                      "abc"),
            "\\xE2\\x80\\xAEabc");
  EXPECT_EQ(Printable("\xFF"), "\\xFF");
}

TEST(TextTest, TimesAreLocal) {
  absl::TimeZone zone;
  ASSERT_TRUE(absl::LoadTimeZone("Asia/Shanghai", &zone));
  EXPECT_EQ(FormatLocalTime(Time::FromSeconds(1'668'126'600), zone), "2022-11-11T08:30:00+08:00");
  EXPECT_EQ(FormatLocalTime(Time{}, zone), "-");
}

TEST(TextTest, AgesHaveTheUnitThatFits) {
  EXPECT_EQ(FormatAge(std::chrono::milliseconds(350)), "350 ms");
  EXPECT_EQ(FormatAge(std::chrono::milliseconds(2150)), "2.1 s");
  EXPECT_EQ(FormatAge(std::chrono::seconds(245)), "4 min 05 s");
  EXPECT_EQ(FormatAge(std::chrono::minutes(192)), "3 h 12 min");
  EXPECT_EQ(FormatAge(std::chrono::hours(51)), "2 d 03 h");
}

TEST(TextTest, CountsAreGrouped) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(138'957), "138,957");
  EXPECT_EQ(FormatCount(1'000'000), "1,000,000");
  EXPECT_EQ(FormatCount(1, "row", "rows"), "1 row");
}

TEST(TextTest, DurationsAreReadWithTheirUnit) {
  EXPECT_EQ(*ParsePositiveDuration("500ms"), std::chrono::milliseconds(500));
  EXPECT_EQ(*ParsePositiveDuration("1h30m"), std::chrono::minutes(90));
  for (const char* bad : {"", "30", "0s", "-1s", "inf", "soon", "100000h"}) {
    EXPECT_EQ(ParsePositiveDuration(bad).status().reason(), "DURATION_MALFORMED") << bad;
  }
}

TEST(TextTest, ColumnsAreAligned) {
  EXPECT_EQ(FormatTable({{"service", "shards"}, {"identity", "64"}, {"\xC3\xA9", "1"}}, {1}),
            "service   shards\n"
            "identity      64\n"
            "\xC3\xA9              1\n");
}

TEST(ErrorTextTest, SaysWhatFailedAndWhatToDo) {
  const Status status = ResourceExhausted("QUEUE_FULL", "too much at once")
                            .With("field", "items[3].name")
                            .With("retry_after_ms", "500");
  EXPECT_EQ(FormatError(status),
            "RESOURCE_EXHAUSTED QUEUE_FULL\n"
            "  message:  too much at once\n"
            "  field:    items[3].name\n"
            "  retry in: 500 ms\n"
            "  to do:    send less at once, or later\n");
  EXPECT_EQ(ErrorJson(status).dump(),
            R"({"code":"RESOURCE_EXHAUSTED","message":"too much at once","metadata":)"
            R"({"field":"items[3].name","retry_after_ms":"500"},"reason":"QUEUE_FULL"})");
}

TEST(ErrorTextTest, AnUnknownOutcomeAsksForTheSameRequestAgain) {
  EXPECT_NE(FormatError(Unavailable("OUTCOME_UNKNOWN", "?")).find("same request_id"),
            std::string::npos);
}

TEST(ErrorTextTest, OnlyWhoHearsNothingIsToLookForTheServer) {
  EXPECT_NE(Advice(Unavailable("RPC_UNAVAILABLE", "?")).find("--server"), std::string::npos);
  EXPECT_EQ(Advice(Unavailable("VIEW_REBUILDING", "?")).find("--server"), std::string::npos);
}

}  // namespace
}  // namespace epigrid::ctl
