// A person's messages in pages, newest first.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "epigrid/notification/state/v1/state.pb.h"

namespace epigrid::notification {

struct MessagePage {
  std::vector<v1::Message> messages;  // newest first
  std::string next;                   // the position of the next page; empty: that was all
};

// `cells` are the members of keys::Messages; `after` is a page's `next`, empty: the first page. A
// message that arises meanwhile moves no page. INVALID_ARGUMENT PAGE_TOKEN_INVALID.
Result<MessagePage> PageOfMessages(const std::map<std::string, std::string>& cells,
                                   const std::string& after, size_t page_size);

}  // namespace epigrid::notification
