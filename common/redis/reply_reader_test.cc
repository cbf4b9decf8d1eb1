#include "common/redis/reply_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace epigrid {
namespace {

constexpr std::string_view kAll =
    "+OK\r\n:-42\r\n$5\r\nhello\r\n$0\r\n\r\n$-1\r\n-ERR no\r\n*-1\r\n*0\r\n"
    "*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n-WRONG x\r\n";

void ExpectAll(const std::vector<Reply>& replies) {
  ASSERT_EQ(replies.size(), 9);
  EXPECT_EQ(replies[0].type, Reply::Type::kStatus);
  EXPECT_EQ(replies[0].text, "OK");
  EXPECT_EQ(replies[1].type, Reply::Type::kInteger);
  EXPECT_EQ(replies[1].integer, -42);
  EXPECT_EQ(replies[2].type, Reply::Type::kString);
  EXPECT_EQ(replies[2].text, "hello");
  EXPECT_EQ(replies[3].type, Reply::Type::kString);
  EXPECT_EQ(replies[3].text, "");
  EXPECT_TRUE(replies[4].is_nil());
  EXPECT_TRUE(replies[5].is_error());
  EXPECT_EQ(replies[5].text, "ERR no");
  EXPECT_TRUE(replies[6].is_nil());
  EXPECT_EQ(replies[7].type, Reply::Type::kArray);
  EXPECT_TRUE(replies[7].elements.empty());
  ASSERT_EQ(replies[8].elements.size(), 3);
  EXPECT_EQ(replies[8].elements[0].text, "a");
  ASSERT_EQ(replies[8].elements[1].elements.size(), 2);
  EXPECT_EQ(replies[8].elements[1].elements[0].integer, 1);
  EXPECT_TRUE(replies[8].elements[1].elements[1].is_nil());
  EXPECT_TRUE(replies[8].elements[2].is_error());
}

std::vector<Reply> ReadInPieces(std::string_view bytes, size_t size) {
  ReplyReader reader;
  std::vector<Reply> replies;
  for (size_t at = 0; at < bytes.size(); at += size) {
    reader.Feed(bytes.substr(at, size));
    while (true) {
      std::optional<Reply> reply = reader.Next().value();
      if (!reply.has_value()) break;
      replies.push_back(*std::move(reply));
    }
  }
  return replies;
}

TEST(ReplyReaderTest, ReadsEveryTypeHoweverTheBytesAreCut) {
  for (size_t size : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, kAll.size()}) {
    ExpectAll(ReadInPieces(kAll, size));
  }
}

TEST(ReplyReaderTest, WhatIsNotRedisIsAnError) {
  ReplyReader reader;
  reader.Feed("HTTP/1.1 400 Bad Request\r\n");
  EXPECT_EQ(reader.Next().status().reason(), "REDIS_PROTOCOL");
  reader.Feed("+OK\r\n");
  EXPECT_FALSE(reader.Next().ok());
}

TEST(ReplyReaderTest, IsFreedInTheMiddleOfAReply) {
  ReplyReader reader;
  reader.Feed("*2\r\n$3\r\nabc\r\n$5\r\nhe");
  EXPECT_FALSE(reader.Next().value().has_value());
}

}  // namespace
}  // namespace epigrid
