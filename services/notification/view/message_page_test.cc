#include "services/notification/view/message_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace epigrid::notification {
namespace {

using testing::ElementsAre;

// Messages by id, each with the version that it was made at.
std::map<std::string, std::string> Cells(const std::map<std::string, uint64_t>& versions) {
  std::map<std::string, std::string> cells;
  for (const auto& [message_id, version] : versions) {
    state::v1::StoredMessage stored;
    stored.mutable_message()->set_message_id(message_id);
    stored.set_created_at_version(version);
    cells[message_id] = stored.SerializeAsString();
  }
  return cells;
}

std::vector<std::string> IdsOf(const MessagePage& page) {
  std::vector<std::string> ids;
  for (const v1::Message& message : page.messages) ids.push_back(message.message_id());
  return ids;
}

TEST(MessagePageTest, PagesNewestFirst) {
  const auto cells = Cells({{"a", 30}, {"b", 7}, {"c", 100}, {"d", 8}, {"e", 9}});
  const MessagePage first = *PageOfMessages(cells, "", 2);
  EXPECT_THAT(IdsOf(first), ElementsAre("c", "a"));
  const MessagePage second = *PageOfMessages(cells, first.next, 2);
  EXPECT_THAT(IdsOf(second), ElementsAre("e", "d"));
  const MessagePage last = *PageOfMessages(cells, second.next, 2);
  EXPECT_THAT(IdsOf(last), ElementsAre("b"));
  EXPECT_EQ(last.next, "");
}

TEST(MessagePageTest, EndsWithAPageThatIsJustFull) {
  const MessagePage page = *PageOfMessages(Cells({{"a", 1}, {"b", 2}}), "", 2);
  EXPECT_THAT(IdsOf(page), ElementsAre("b", "a"));
  EXPECT_EQ(page.next, "");
  EXPECT_THAT(IdsOf(*PageOfMessages({}, "", 2)), ElementsAre());
}

TEST(MessagePageTest, WhatArisesOrIsForgottenMeanwhileMovesNoPage) {
  const MessagePage first = *PageOfMessages(Cells({{"a", 1}, {"b", 2}, {"c", 3}}), "", 2);
  EXPECT_THAT(IdsOf(*PageOfMessages(Cells({{"a", 1}, {"c", 3}, {"d", 4}}), first.next, 2)),
              ElementsAre("a"));
}

TEST(MessagePageTest, RefusesAPositionThatIsNone) {
  for (const char* position : {"x", "12", "/", "-1/a", "1x/a", "99999999999999999999999/a"}) {
    const Result<MessagePage> page = PageOfMessages({}, position, 2);
    ASSERT_FALSE(page.ok()) << position;
    EXPECT_EQ(page.status().reason(), "PAGE_TOKEN_INVALID");
  }
}

}  // namespace
}  // namespace epigrid::notification
