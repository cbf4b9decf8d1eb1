#include "services/notification/channels/webhook_channel.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "services/notification/channels/testing/webhook_receiver.h"

namespace epigrid::notification {
namespace {

using Post = WebhookReceiver::Post;

const char kSecret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

WebhookSecret Secret() { return *WebhookSecret::Parse(kSecret); }

OutgoingMessage SomeMessage() {
  return {.message_id = "message_a",
          .address = "+86 138 0000 0000",
          .language = "zh",
          .template_name = "code_changed",
          .about = "dependant",
          .text = "您的健康码变为黄码。",
          .colour = "YELLOW",
          .measure = "HOME",
          .created = Time::FromMillis(1'767'323'045'678)};
}

TEST(WebhookChannelTest, PostsASignedPayload) {
  WebhookReceiver receiver([](const Post&) { return 202; });
  HttpClient http({});
  SystemClock clock;
  WebhookChannel channel(http, clock, receiver.url(), Secret());
  const SendResult result = channel.Send(SomeMessage()).Wait();
  EXPECT_EQ(result.outcome, v1::ATTEMPT_OUTCOME_DELIVERED);
  EXPECT_EQ(result.reason, "");

  const Post post = receiver.AwaitPosts(1).at(0);
  EXPECT_EQ(post.id, "message_a");
  EXPECT_EQ(post.content_type, "application/json");
  EXPECT_TRUE(WebhookReceiver::IsSignedBy(Secret(), post));
  const auto payload = nlohmann::json::parse(post.body);
  EXPECT_EQ(payload["type"], "epigrid.code_changed");
  EXPECT_EQ(payload["timestamp"], "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(payload["data"]["message_id"], "message_a");
  EXPECT_EQ(payload["data"]["address"], "+86 138 0000 0000");
  EXPECT_EQ(payload["data"]["about"], "dependant");
  EXPECT_EQ(payload["data"]["text"], "您的健康码变为黄码。");
  EXPECT_EQ(payload["data"]["colour"], "YELLOW");
  EXPECT_EQ(payload["data"]["measure"], "HOME");
  EXPECT_EQ(payload["data"]["language"], "zh");
}

TEST(WebhookChannelTest, AnAddressThatIsNoUtf8IsStillSent) {
  WebhookReceiver receiver;
  HttpClient http({});
  SystemClock clock;
  WebhookChannel channel(http, clock, receiver.url(), Secret());
  OutgoingMessage message = SomeMessage();
  message.address = "\xff\xfe";
  EXPECT_EQ(channel.Send(message).Wait().outcome, v1::ATTEMPT_OUTCOME_DELIVERED);
  EXPECT_NO_THROW((void)nlohmann::json::parse(receiver.posts().at(0).body));
}

TEST(WebhookChannelTest, JudgesAnswers) {
  int status = 0;
  WebhookReceiver receiver([&](const Post&) { return status; });
  HttpClient http({});
  SystemClock clock;
  WebhookChannel channel(http, clock, receiver.url(), Secret());
  for (const int delivered : {200, 201, 204, 299}) {
    status = delivered;
    EXPECT_EQ(channel.Send(SomeMessage()).Wait().outcome, v1::ATTEMPT_OUTCOME_DELIVERED) << status;
  }
  for (const int failed : {301, 302, 308, 400, 401, 403, 404, 408, 425, 429, 500, 502, 503, 599}) {
    status = failed;
    const SendResult result = channel.Send(SomeMessage()).Wait();
    EXPECT_EQ(result.outcome, v1::ATTEMPT_OUTCOME_FAILED) << status;
    EXPECT_EQ(result.reason, "HTTP_" + std::to_string(failed));
  }
  for (const int refused : {410, 413, 422}) {
    status = refused;
    const SendResult result = channel.Send(SomeMessage()).Wait();
    EXPECT_EQ(result.outcome, v1::ATTEMPT_OUTCOME_REFUSED) << status;
    EXPECT_EQ(result.reason, "HTTP_" + std::to_string(refused));
  }
}

TEST(WebhookChannelTest, LeavesASilentEndpointAloneUntilAProbeIsAnswered) {
  WebhookReceiver receiver([](const Post&) { return WebhookReceiver::kHold; });
  HttpClient http({.timeout = std::chrono::milliseconds(50)});
  struct : Clock {
    Time now = Time::FromSeconds(1'767'323'045);
    Time Now() const override { return now; }
  } clock;
  WebhookChannel channel(http, clock, receiver.url(), Secret(),
                         {.failures_max = 2, .open_for = std::chrono::seconds(2)});
  EXPECT_EQ(channel.Send(SomeMessage()).Wait().reason, "TIMEOUT");
  EXPECT_EQ(channel.Send(SomeMessage()).Wait().reason, "TIMEOUT");
  EXPECT_EQ(channel.Send(SomeMessage()).Wait().reason, "ENDPOINT_DOWN");

  clock.now = clock.now + std::chrono::seconds(2);
  EXPECT_EQ(channel.Send(SomeMessage()).Wait().reason, "TIMEOUT");
  EXPECT_EQ(channel.Send(SomeMessage()).Wait().reason, "ENDPOINT_DOWN");

  receiver.ReleaseHeld();
  clock.now = clock.now + std::chrono::seconds(2);
  EXPECT_EQ(channel.Send(SomeMessage()).Wait().outcome, v1::ATTEMPT_OUTCOME_DELIVERED);
  EXPECT_EQ(channel.Send(SomeMessage()).Wait().outcome, v1::ATTEMPT_OUTCOME_DELIVERED);
}

TEST(WebhookChannelTest, WhatFoundNoConnectionDoesNotOpenTheBreaker) {
  WebhookReceiver receiver([](const Post&) { return WebhookReceiver::kHold; });
  HttpClient http({.timeout = std::chrono::milliseconds(200), .connections_per_url_max = 1});
  SystemClock clock;
  WebhookChannel channel(http, clock, receiver.url(), Secret(), {.failures_max = 3});
  std::vector<Future<SendResult>> under_way;
  for (int i = 0; i < 10; ++i) under_way.push_back(channel.Send(SomeMessage()));
  int busy = 0;
  for (auto& result : under_way) busy += std::move(result).Wait().reason == "ENDPOINT_BUSY";
  EXPECT_GE(busy, 8);
  receiver.ReleaseHeld();
  EXPECT_EQ(channel.Send(SomeMessage()).Wait().outcome, v1::ATTEMPT_OUTCOME_DELIVERED);
}

TEST(WebhookChannelTest, AnswersOfFailureDoNotOpenTheBreaker) {
  WebhookReceiver receiver([](const Post&) { return 503; });
  HttpClient http({});
  SystemClock clock;
  WebhookChannel channel(http, clock, receiver.url(), Secret(), {.failures_max = 2});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(channel.Send(SomeMessage()).Wait().reason, "HTTP_503");
}

}  // namespace
}  // namespace epigrid::notification
