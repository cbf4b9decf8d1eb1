#include "common/log/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/log/redact.h"

namespace epigrid {
namespace {

using testing::MatchesRegex;

// Whether {"name", value} can be a field.
template <typename T>
concept Loggable = requires(T value) { LogField("name", value); };
static_assert(Loggable<int> && Loggable<uint64_t> && Loggable<bool> && Loggable<double> &&
              Loggable<Safe> && Loggable<Code>);
static_assert(!Loggable<std::string> && !Loggable<std::string_view>,
              "text must be declared Safe or Redacted");

TEST(LogTest, ALineIsOneJsonObjectWithTypedFields) {
  LogCapture capture;
  const LogContext context{"4bf92f3577b34da6a3ce929d0e0e4736", "request-1"};
  const Status status =
      InvalidArgument("PHONE_MALFORMED", "13812345678 is no phone").With("field", "phone");
  EPIGRID_LOG_INFO("projector.rebuilt", {"shard", 3}, {"offset", uint64_t{1} << 63}, {"live", true},
                   {"took_ms", Duration(1500)}, {"topic", Safe("identity.inbox")},
                   {"error", Redacted("for 110105194912310021")}, {context}, {status});
  const auto line = nlohmann::json::parse(capture.text());
  EXPECT_THAT(line["time"].get<std::string>(), MatchesRegex("[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}Z"));
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["event"], "projector.rebuilt");
  EXPECT_EQ(line["shard"], 3);
  EXPECT_EQ(line["offset"], uint64_t{1} << 63);
  EXPECT_EQ(line["live"], true);
  EXPECT_EQ(line["took_ms"], 1.5);
  EXPECT_EQ(line["topic"], "identity.inbox");
  EXPECT_EQ(line["error"], "for [resident-id]");
  EXPECT_EQ(line["trace_id"], context.trace_id);
  EXPECT_EQ(line["request_id"], "request-1");
  EXPECT_EQ(line["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(line["reason"], "PHONE_MALFORMED");
  EXPECT_EQ(line["message"], "[phone] is no phone");
  EXPECT_THAT(line["source"].get<std::string>(), MatchesRegex("log_test.cc:[0-9]+"));
}

TEST(LogTest, RubbishBytesStayOneLineOfJson) {
  LogCapture capture;
  EPIGRID_LOG_WARN("x", {"text", Safe("a\n\"\xff\x01")});
  const std::string text = capture.text();
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  EXPECT_TRUE(nlohmann::json::accept(text));
}

TEST(LogTest, ALevelThatIsOffEvaluatesNothing) {
  LogCapture capture(LogLevel::kWarn);
  int evaluated = 0;
  EPIGRID_LOG_INFO("quiet", {"n", ++evaluated});
  EPIGRID_LOG_ERROR("loud", {"n", ++evaluated});
  EXPECT_EQ(evaluated, 1);
  EXPECT_EQ(nlohmann::json::parse(capture.text())["event"], "loud");
}

TEST(LogTest, APlaceThatRepeatsItselfIsMutedAndCounted) {
  LogCapture capture;
  constexpr int kLines = 5000;
  uint64_t seen = 0;
  for (int i = 0; i < kLines; ++i) EPIGRID_LOG_WARN("storm");
  std::istringstream lines(capture.text());
  uint64_t written = 0;
  for (std::string line; std::getline(lines, line); ++written)
    seen += nlohmann::json::parse(line).value("suppressed", 0u);
  EXPECT_LT(written, 20 * kLogBurst);  // several seconds may go by on a slow machine
  EXPECT_LE(written + seen, kLines);
}

TEST(RedactTest, PersonsAndCredentialsGo) {
  EXPECT_EQ(Redact("id 110105194912310021, X: 11010519491231002X."),
            "id [resident-id], X: [resident-id].");
  EXPECT_EQ(Redact("person=110105194912310021&a"), "person=[resident-id]&a");
  EXPECT_EQ(Redact("id_110105194912310021"), "id_[resident-id]");
  EXPECT_EQ(Redact("110105 19491231 0021"), "[resident-id]");
  EXPECT_EQ(Redact("old 130503670401001"), "old [resident-id]");
  EXPECT_EQ(Redact("call 13812345678"), "call [phone]");
  EXPECT_EQ(Redact("call +86 138-1234-5678 or +4930123456"), "call [phone] or [phone]");
  EXPECT_EQ(Redact("authorization: Bearer abc.def-1"), "authorization: Bearer [token]");
  EXPECT_EQ(Redact("{\"token\": \"hush\", \"n\": 1}"), "{\"token\": \"[token]\", \"n\": 1}");
  EXPECT_EQ(Redact("password=hunter2 x"), "password=[token] x");
  EXPECT_EQ(Redact("eyJhbGciOi.eyJzdWIi.c2ln"), "[token]");
  EXPECT_EQ(Redact("key 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"), "key [token]");
  EXPECT_EQ(Redact("t7Gh2kLmN8pQ4rStUvWx6yZa="), "[token]");
}

TEST(RedactTest, WhatAnOperatorNeedsStays) {
  for (const char* text : {"shard 17 at offset 123456789012", "time 2026-01-02T03:04:05.000678Z",
                           "micros 1767322245000678", "/var/lib/epigrid/redis-1/appendonlydir",
                           "127.0.0.1:6379 refused", "person_0c9k4m2x7q3r5t6v8w1y0z2b4d7 unknown",
                           "epigrid_health_code_event_age_seconds", "体温 37.3"}) {
    EXPECT_EQ(Redact(text), text);
  }
}

}  // namespace
}  // namespace epigrid
