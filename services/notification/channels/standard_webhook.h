// The signature of Standard Webhooks (standardwebhooks.com, specification 1.0.0): headers
// webhook-id, webhook-timestamp (seconds since the epoch) and webhook-signature, "v1," and the
// base64 of HMAC-SHA-256 over "<id>.<timestamp>.<body>".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace epigrid::notification {

// A symmetric secret: 24 to 64 bytes, written as "whsec_" and their base64.
class WebhookSecret {
 public:
  // INVALID_ARGUMENT WEBHOOK_SECRET_MALFORMED; the message does not hold the secret.
  static Result<WebhookSecret> Parse(std::string_view text);

  // "v1,<base64>".
  std::string Sign(std::string_view id, Time timestamp, std::string_view body) const;

 private:
  explicit WebhookSecret(std::vector<uint8_t> key) : key_(std::move(key)) {}
  std::vector<uint8_t> key_;
};

}  // namespace epigrid::notification
