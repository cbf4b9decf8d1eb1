#include "services/notification/channels/payload.h"

#include <nlohmann/json.hpp>

#include "common/base/local_day.h"

namespace epigrid::notification {

std::string PayloadOf(const OutgoingMessage& message) {
  nlohmann::ordered_json payload;
  payload["type"] = "epigrid." + message.template_name;
  payload["timestamp"] = FormatRfc3339(message.created);
  auto& data = payload["data"];
  data["message_id"] = message.message_id;
  data["address"] = message.address;
  data["about"] = message.about;
  data["language"] = message.language;
  data["text"] = message.text;
  data["colour"] = message.colour;
  data["measure"] = message.measure;
  // An address is opaque to us; JSON must be UTF-8 all the same.
  return payload.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace epigrid::notification
