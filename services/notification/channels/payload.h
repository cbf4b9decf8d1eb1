// What a receiver reads: one JSON object per message.
//
//   {"type":"epigrid.code_changed","timestamp":"2026-01-02T03:04:05.678Z",
//    "data":{"message_id":"message_...","address":"...","about":"addressee","language":"en","text":"...",
//            "colour":"YELLOW","measure":"HEALTH_MONITORING"}}
//
// "about" says whose code it is: the "addressee"'s, or that of a "dependant" for whom the addressee
// answers.
#pragma once

#include <string>

#include "services/notification/channels/channel.h"

namespace epigrid::notification {

std::string PayloadOf(const OutgoingMessage& message);

}  // namespace epigrid::notification
