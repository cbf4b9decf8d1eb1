// WebhookChannel: posts messages to one URL, signed as Standard Webhooks asks.
//
//   POST /path
//   content-type: application/json
//   webhook-id: message_...             the message's id: the same at every attempt
//   webhook-timestamp: 1674087231       when this attempt was signed
//   webhook-signature: v1,<base64>
//
// 2xx: DELIVERED. 410, 413 and 422: REFUSED with "HTTP_<code>". Every other answer, redirects among
// them: FAILED with "HTTP_<code>", as are calls without an answer ("TIMEOUT", "CONNECTION", "TLS",
// "SHUTTING_DOWN") and those that were not made: the endpoint has not answered for a while
// ("ENDPOINT_DOWN"), or no connection to it came free ("ENDPOINT_BUSY", "QUEUE_FULL").
//
// Life cycle: the client and the clock outlive it, and it outlives its Futures. Threads: any.
#pragma once

#include <string>

#include "services/notification/channels/channel.h"
#include "services/notification/channels/circuit_breaker.h"
#include "services/notification/channels/http_client.h"
#include "services/notification/channels/standard_webhook.h"

namespace epigrid::notification {

class WebhookChannel final : public Channel {
 public:
  WebhookChannel(HttpClient& http, const Clock& clock, std::string url, WebhookSecret secret,
                 CircuitBreakerOptions breaker = {});

  Future<SendResult> Send(OutgoingMessage message) override;

 private:
  Task<SendResult> Post(OutgoingMessage message);

  HttpClient& http_;
  const Clock& clock_;
  const std::string url_;
  const WebhookSecret secret_;
  CircuitBreaker breaker_;
};

}  // namespace epigrid::notification
