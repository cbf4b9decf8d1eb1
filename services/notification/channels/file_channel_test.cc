#include "services/notification/channels/file_channel.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/fakes/temporary_directory.h"

namespace epigrid::notification {
namespace {

class FileChannelTest : public testing::Test {
 protected:
  static OutgoingMessage Message(int number) {
    return {.message_id = "message_" + std::to_string(number),
            .address = "line\nbreak",
            .language = "en",
            .template_name = "code_changed",
            .about = "addressee",
            .text = "text",
            .colour = "RED",
            .measure = "CENTRAL",
            .created = Time::FromSeconds(1'767'323'045)};
  }

  static std::vector<std::string> LinesOf(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  const TemporaryDirectory directory_;
};

TEST_F(FileChannelTest, AppendsALineForEachMessage) {
  const auto path = directory_ / "messages.jsonl";
  FileChannel channel(path);
  std::vector<Future<SendResult>> under_way;
  for (int i = 0; i < 500; ++i) under_way.push_back(channel.Send(Message(i)));
  for (auto& result : under_way) {
    EXPECT_EQ(std::move(result).Wait().outcome, v1::ATTEMPT_OUTCOME_DELIVERED);
  }
  const std::vector<std::string> lines = LinesOf(path);
  ASSERT_EQ(lines.size(), 500u);
  EXPECT_EQ(nlohmann::json::parse(lines[7])["data"]["message_id"], "message_7");
  EXPECT_EQ(nlohmann::json::parse(lines[7])["data"]["address"], "line\nbreak");
  struct stat status;
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u) << "it holds addresses";
}

TEST_F(FileChannelTest, GoesOnInANewFileWhenTheOldOneIsMovedAway) {
  const auto path = directory_ / "messages.jsonl";
  FileChannel channel(path);
  ASSERT_EQ(channel.Send(Message(1)).Wait().outcome, v1::ATTEMPT_OUTCOME_DELIVERED);
  std::filesystem::rename(path, directory_ / "messages.1");
  ASSERT_EQ(channel.Send(Message(2)).Wait().outcome, v1::ATTEMPT_OUTCOME_DELIVERED);
  EXPECT_EQ(LinesOf(path).size(), 1u);
}

TEST_F(FileChannelTest, BeginsANewLineAfterOneThatWasCutOff) {
  const auto path = directory_ / "messages.jsonl";
  std::ofstream(path) << R"({"type":"epigrid.co)";
  FileChannel channel(path);
  ASSERT_EQ(channel.Send(Message(1)).Wait().outcome, v1::ATTEMPT_OUTCOME_DELIVERED);
  const std::vector<std::string> lines = LinesOf(path);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(nlohmann::json::parse(lines[1])["data"]["message_id"], "message_1");
}

TEST_F(FileChannelTest, FailsWithTheNameOfTheError) {
  FileChannel nowhere(directory_ / "missing" / "messages.jsonl");
  const SendResult result = nowhere.Send(Message(1)).Wait();
  EXPECT_EQ(result.outcome, v1::ATTEMPT_OUTCOME_FAILED);
  EXPECT_EQ(result.reason, "FILE_ENOENT");

  std::filesystem::create_directory(directory_ / "missing");
  EXPECT_EQ(nowhere.Send(Message(1)).Wait().outcome, v1::ATTEMPT_OUTCOME_DELIVERED);
  EXPECT_EQ(FileChannel("/dev/full").Send(Message(1)).Wait().reason, "FILE_ENOSPC");
}

TEST_F(FileChannelTest, WritesWhatIsQueuedWhenDestroyed) {
  const auto path = directory_ / "messages.jsonl";
  std::vector<Future<SendResult>> under_way;
  {
    FileChannel channel(path);
    for (int i = 0; i < 100; ++i) under_way.push_back(channel.Send(Message(i)));
  }
  for (auto& result : under_way) {
    EXPECT_EQ(std::move(result).Wait().outcome, v1::ATTEMPT_OUTCOME_DELIVERED);
  }
  EXPECT_EQ(LinesOf(path).size(), 100u);
}

}  // namespace
}  // namespace epigrid::notification
