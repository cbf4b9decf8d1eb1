// The files of a backup of a log on Kafka: "manifest", and one of records for each topic
// (epigrid/internal/v1/log_backup.proto).
//
// Errors: UNAVAILABLE BACKUP_UNWRITABLE, DATA_LOSS BACKUP_CORRUPT, both with the file's path.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "common/base/status.h"
#include "epigrid/internal/v1/log_backup.pb.h"

namespace google::protobuf::io {
class IstreamInputStream;
}

namespace epigrid::log_backup {

class RecordWriter {
 public:
  RecordWriter(const std::filesystem::path& directory, const std::string& topic);

  void Write(const internal::v1::BackupRecord& record);
  // Whether all of it could be written.
  Status Close();

 private:
  const std::filesystem::path path_;
  std::ofstream file_;
};

class RecordReader {
 public:
  RecordReader(const std::filesystem::path& directory, const std::string& topic);
  ~RecordReader();

  // False: there is no more.
  Result<bool> Read(internal::v1::BackupRecord& record);

 private:
  const std::filesystem::path path_;
  std::ifstream file_;
  std::unique_ptr<google::protobuf::io::IstreamInputStream> stream_;
};

Status WriteManifest(const std::filesystem::path& directory,
                     const internal::v1::BackupManifest& manifest);
// Also FAILED_PRECONDITION BACKUP_TOO_NEW.
Result<internal::v1::BackupManifest> ReadManifest(const std::filesystem::path& directory);

}  // namespace epigrid::log_backup
