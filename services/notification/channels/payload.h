// What a receiver reads: one JSON object per message.
//
//   {"type":"epigrid.code_changed","timestamp":"2026-01-02T03:04:05.678Z",
//    "data":{"message_id":"message_...","address":"...","language":"en","text":"...","colour":"YELLOW",
//            "measure":"HEALTH_MONITORING"}}
#pragma once

#include <string>

#include "services/notification/channels/channel.h"

namespace epigrid::notification {

std::string PayloadOf(const OutgoingMessage& message);

}  // namespace epigrid::notification
