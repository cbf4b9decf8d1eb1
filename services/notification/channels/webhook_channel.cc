#include "services/notification/channels/webhook_channel.h"

#include <fmt/format.h>

#include "services/notification/channels/payload.h"

namespace epigrid::notification {
namespace {

SendResult ResultOf(const HttpResponse& response) {
  const int code = response.code;
  if (code == 0) return {.outcome = v1::ATTEMPT_OUTCOME_FAILED, .reason = response.reason};
  if (code >= 200 && code < 300) return {.outcome = v1::ATTEMPT_OUTCOME_DELIVERED, .reason = ""};
  // What the receiver says of this one message, or of this address. All else, a wrong secret or a
  // moved path, is mended by somebody while the message waits.
  const bool refused = code == 410 || code == 413 || code == 422;
  return {.outcome = refused ? v1::ATTEMPT_OUTCOME_REFUSED : v1::ATTEMPT_OUTCOME_FAILED,
          .reason = fmt::format("HTTP_{}", code)};
}

}  // namespace

WebhookChannel::WebhookChannel(HttpClient& http, const Clock& clock, std::string url,
                               WebhookSecret secret, CircuitBreakerOptions breaker)
    : http_(http),
      clock_(clock),
      url_(std::move(url)),
      secret_(std::move(secret)),
      breaker_(breaker) {}

Future<SendResult> WebhookChannel::Send(OutgoingMessage message) {
  if (!breaker_.Allow(clock_.Now())) {
    return Ready(SendResult{.outcome = v1::ATTEMPT_OUTCOME_FAILED, .reason = "ENDPOINT_DOWN"});
  }
  return Run(Post(std::move(message)));
}

Task<SendResult> WebhookChannel::Post(OutgoingMessage message) {
  std::string body = PayloadOf(message);
  const Time now = clock_.Now();
  std::vector<std::string> headers = {
      "content-type: application/json", "webhook-id: " + message.message_id,
      fmt::format("webhook-timestamp: {}", now.seconds()),
      "webhook-signature: " + secret_.Sign(message.message_id, now, body)};
  const HttpResponse response = co_await http_.Post(url_, std::move(headers), std::move(body));
  if (response.called) breaker_.Record(response.code != 0, clock_.Now());
  co_return ResultOf(response);
}

}  // namespace epigrid::notification
