#include "services/notification/view/message_page.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace epigrid::notification {
namespace {

// What orders a person's messages: what made them, and, to be total, their ids.
using Place = std::pair<uint64_t, std::string>;

// "<created_at_version>/<message id>".
Result<Place> ParsePlace(const std::string& text) {
  Place place;
  const size_t slash = text.find('/');
  const char* end = text.data() + std::min(slash, text.size());
  const auto parsed = std::from_chars(text.data(), end, place.first);
  if (slash == std::string::npos || parsed.ec != std::errc() || parsed.ptr != end) {
    return InvalidArgument("PAGE_TOKEN_INVALID", "pass next_page_token as it was given");
  }
  place.second = text.substr(slash + 1);
  return place;
}

}  // namespace

Result<MessagePage> PageOfMessages(const std::map<std::string, std::string>& cells,
                                   const std::string& after, size_t page_size) {
  Place before{UINT64_MAX, ""};
  if (!after.empty()) {
    EPIGRID_ASSIGN_OR_RETURN(before, ParsePlace(after));
  }
  std::map<Place, v1::Message, std::greater<>> messages;
  for (const auto& [message_id, bytes] : cells) {
    state::v1::StoredMessage stored;
    EPIGRID_CHECK(stored.ParseFromString(bytes), "the cell was written by this service");
    Place place{stored.created_at_version(), message_id};
    if (place < before) messages.emplace(std::move(place), std::move(*stored.mutable_message()));
  }
  MessagePage page;
  for (auto& [place, message] : messages) {
    if (page.messages.size() == page_size) break;
    page.messages.push_back(std::move(message));
    page.next = std::to_string(place.first) + "/" + place.second;
  }
  if (page.messages.size() == messages.size()) page.next.clear();
  return page;
}

}  // namespace epigrid::notification
