#include "services/notification/channels/standard_webhook.h"

#include <gtest/gtest.h>

namespace epigrid::notification {
namespace {

// Computed with: printf %s 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' | openssl
// dgst -sha256 -mac HMAC -macopt hexkey:... -binary | base64, with the key of the public example of
// the specification.
TEST(StandardWebhookTest, SignsAsThePublicExample) {
  Result<WebhookSecret> secret = WebhookSecret::Parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  ASSERT_TRUE(secret.ok());
  EXPECT_EQ(secret->Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", Time::FromSeconds(1614265330),
                         R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(StandardWebhookTest, RefusesWhatIsNoSecret) {
  for (const char* text :
       {"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_!!!!9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8G"}) {
    Result<WebhookSecret> secret = WebhookSecret::Parse(text);
    ASSERT_FALSE(secret.ok()) << text;
    EXPECT_EQ(secret.status().reason(), "WEBHOOK_SECRET_MALFORMED");
  }
}

}  // namespace
}  // namespace epigrid::notification
