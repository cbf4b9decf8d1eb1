#include "tools/import_format/byte_source.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <fstream>
#include <string>

#include "tests/fakes/temporary_directory.h"

namespace epigrid {
namespace {

class ByteSourceTest : public testing::Test {
 protected:
  std::filesystem::path Plain(std::string_view content) const {
    const auto path = directory_ / "plain";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::filesystem::path Gzip(const std::string& content) const {
    const auto path = directory_ / "compressed.gz";
    gzFile file = gzopen(path.c_str(), "wb");
    EXPECT_EQ(gzwrite(file, content.data(), static_cast<unsigned>(content.size())),
              static_cast<int>(content.size()));
    EXPECT_EQ(gzclose(file), Z_OK);
    return path;
  }

  const TemporaryDirectory directory_;
};

// Everything up to the end or the error.
std::pair<std::string, Status> ReadAll(ByteSource& source) {
  std::string all;
  char buffer[777];
  while (true) {
    Result<size_t> count = source.Read(buffer, sizeof(buffer));
    if (!count.ok()) return {all, count.status()};
    if (*count == 0) return {all, OkStatus()};
    all.append(buffer, *count);
  }
}

std::string Content() {
  std::string content;
  for (int i = 0; i < 20'000; ++i) content += std::to_string(i * 7919) + "\n";
  return content;
}

TEST_F(ByteSourceTest, ReadsPlainAndCompressedFilesAlike) {
  for (const auto& path : {Plain(Content()), Gzip(Content())}) {
    auto source = OpenFile(path);
    ASSERT_TRUE(source.ok());
    const auto [all, status] = ReadAll(**source);
    EXPECT_EQ(status, OkStatus());
    EXPECT_EQ(all, Content());
  }
}

TEST_F(ByteSourceTest, SeeksInTheContent) {
  for (const auto& path : {Plain(Content()), Gzip(Content())}) {
    auto source = OpenFile(path);
    ASSERT_TRUE(source.ok());
    ASSERT_EQ((*source)->Seek(100'000), OkStatus());
    EXPECT_EQ(ReadAll(**source).first, Content().substr(100'000));
    ASSERT_EQ((*source)->Seek(5), OkStatus());
    EXPECT_EQ(ReadAll(**source).first, Content().substr(5));
    ASSERT_EQ((*source)->Seek(Content().size()), OkStatus());
    EXPECT_EQ(ReadAll(**source).first, "");
    EXPECT_EQ((*source)->Seek(Content().size() + 1).reason(), "FILE_SHORTER");
  }
}

TEST_F(ByteSourceTest, GivesWhatATruncatedFileHoldsThenSaysSo) {
  const auto path = Gzip(Content());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  auto source = OpenFile(path);
  ASSERT_TRUE(source.ok());
  const auto [all, status] = ReadAll(**source);
  EXPECT_EQ(status.reason(), "FILE_TRUNCATED");
  EXPECT_GT(all.size(), 1000U);
  EXPECT_TRUE(Content().starts_with(all));
}

TEST_F(ByteSourceTest, NoticesAMissingGzipTrailer) {
  const auto path = Gzip(Content());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 4);
  auto source = OpenFile(path);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(ReadAll(**source).second.reason(), "FILE_TRUNCATED");
}

TEST_F(ByteSourceTest, NoticesDamage) {
  const auto path = Gzip(Content());
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
    file << std::string(64, '\xA5');
  }
  auto source = OpenFile(path);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(ReadAll(**source).second.reason(), "FILE_DAMAGED");
}

TEST_F(ByteSourceTest, RefusesWhatIsNoReadableFile) {
  EXPECT_EQ(OpenFile(directory_ / "absent").status().reason(), "FILE_NOT_READABLE");
  EXPECT_EQ(OpenFile(directory_.path()).status().reason(), "FILE_NOT_READABLE");
}

}  // namespace
}  // namespace epigrid
