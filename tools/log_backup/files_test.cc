#include "tools/log_backup/files.h"

#include <gtest/gtest.h>

#include "tests/fakes/temporary_directory.h"

namespace epigrid::log_backup {
namespace {

namespace pb = internal::v1;

class FilesTest : public testing::Test {
 protected:
  void WriteTwo() const {
    RecordWriter writer(directory_.path(), "a.inbox");
    pb::BackupRecord record;
    for (const uint64_t offset : {7, 8}) {
      record.set_offset(offset);
      record.set_value(std::string("\0x", 2));
      writer.Write(record);
    }
    ASSERT_TRUE(writer.Close().ok());
  }

  const TemporaryDirectory directory_;
};

TEST_F(FilesTest, RecordsComeBackInTheirOrder) {
  WriteTwo();
  RecordReader reader(directory_.path(), "a.inbox");
  pb::BackupRecord record;
  for (const uint64_t offset : {7, 8}) {
    ASSERT_TRUE(reader.Read(record).value());
    EXPECT_EQ(record.offset(), offset);
    EXPECT_EQ(record.value(), std::string("\0x", 2));
  }
  EXPECT_FALSE(reader.Read(record).value());
}

TEST_F(FilesTest, AFileThatEndsInARecordIsCorrupt) {
  WriteTwo();
  const std::filesystem::path file = directory_.path() / std::filesystem::path("a.inbox.records");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  RecordReader reader(directory_.path(), "a.inbox");
  pb::BackupRecord record;
  ASSERT_TRUE(reader.Read(record).value());
  EXPECT_EQ(reader.Read(record).status().reason(), "BACKUP_CORRUPT");
}

TEST_F(FilesTest, AFileThatIsMissingIsCorrupt) {
  pb::BackupRecord record;
  EXPECT_EQ(RecordReader(directory_.path(), "a.inbox").Read(record).status().reason(),
            "BACKUP_CORRUPT");
  EXPECT_EQ(ReadManifest(directory_.path()).status().reason(), "BACKUP_CORRUPT");
}

TEST_F(FilesTest, WhatCannotBeWrittenIsSaid) {
  RecordWriter writer(directory_.path() / std::filesystem::path("nowhere"), "a.inbox");
  writer.Write({});
  EXPECT_EQ(writer.Close().reason(), "BACKUP_UNWRITABLE");
}

TEST_F(FilesTest, AManifestOfALaterLayoutIsNotGuessedAt) {
  pb::BackupManifest manifest;
  manifest.set_shard_count(64);
  ASSERT_TRUE(WriteManifest(directory_.path(), manifest).ok());
  EXPECT_EQ(ReadManifest(directory_.path())->shard_count(), 64);
  // A field that is given again counts as it was given last.
  std::ofstream(directory_.path() / std::filesystem::path("manifest"), std::ios::app) << "\x08\x02";
  EXPECT_EQ(ReadManifest(directory_.path()).status().reason(), "BACKUP_TOO_NEW");
}

}  // namespace
}  // namespace epigrid::log_backup
