// Channel: one way out of the system for a message.
#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/base/task.h"
#include "epigrid/notification/v1/notification.pb.h"

namespace epigrid::notification {

// What is handed to a channel: everything that the receiver gets.
struct OutgoingMessage {
  std::string message_id;
  std::string address;   // of the person, as the endpoint calls it; personal data: never logged
  std::string language;  // "zh" or "en"
  std::string template_name;
  std::string about;  // whose code it tells: "addressee", or "dependant" of the addressee
  std::string text;
  std::string colour;   // "GREEN", ...
  std::string measure;  // "NONE", ...
  Time created;
};

struct SendResult {
  v1::AttemptOutcome outcome = v1::ATTEMPT_OUTCOME_UNSPECIFIED;
  std::string
      reason;  // stable, for failures: "HTTP_503", "TIMEOUT", "CONNECTION"; holds no address
};

class Channel {
 public:
  virtual ~Channel() = default;
  // The same message may be sent again after a crash, under its id. Threads: any; the Future is set
  // on any.
  virtual Future<SendResult> Send(OutgoingMessage message) = 0;
};

}  // namespace epigrid::notification
