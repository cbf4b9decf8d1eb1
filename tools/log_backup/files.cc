#include "tools/log_backup/files.h"

#include <fmt/format.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/util/delimited_message_util.h>

namespace epigrid::log_backup {
namespace {

namespace pb = internal::v1;

constexpr uint32_t kLayout = 1;

std::filesystem::path ManifestPath(const std::filesystem::path& directory) {
  return directory / "manifest";
}

std::filesystem::path RecordsPath(const std::filesystem::path& directory,
                                  const std::string& topic) {
  return directory / (topic + ".records");
}

Status Unwritable(const std::filesystem::path& path) {
  return Unavailable("BACKUP_UNWRITABLE",
                     fmt::format("{} cannot be written: is the disk full?", path.string()));
}

Status Corrupt(const std::filesystem::path& path) {
  return {Code::kDataLoss, "BACKUP_CORRUPT",
          fmt::format("{} is not what was backed up", path.string())};
}

}  // namespace

RecordWriter::RecordWriter(const std::filesystem::path& directory, const std::string& topic)
    : path_(RecordsPath(directory, topic)), file_(path_, std::ios::binary | std::ios::trunc) {}

// A stream that failed stays so: Close says it.
void RecordWriter::Write(const pb::BackupRecord& record) {
  google::protobuf::util::SerializeDelimitedToOstream(record, &file_);
}

Status RecordWriter::Close() {
  file_.close();
  return file_ ? OkStatus() : Unwritable(path_);
}

RecordReader::RecordReader(const std::filesystem::path& directory, const std::string& topic)
    : path_(RecordsPath(directory, topic)),
      file_(path_, std::ios::binary),
      stream_(std::make_unique<google::protobuf::io::IstreamInputStream>(&file_)) {}

RecordReader::~RecordReader() = default;

Result<bool> RecordReader::Read(pb::BackupRecord& record) {
  if (!file_.is_open()) return Corrupt(path_);
  bool at_end = false;
  if (google::protobuf::util::ParseDelimitedFromZeroCopyStream(&record, stream_.get(), &at_end)) {
    return true;
  }
  if (at_end && !file_.bad()) return false;
  return Corrupt(path_);
}

Status WriteManifest(const std::filesystem::path& directory, const pb::BackupManifest& manifest) {
  pb::BackupManifest written = manifest;
  written.set_layout(kLayout);
  const std::filesystem::path path = ManifestPath(directory);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  written.SerializeToOstream(&file);
  file.close();
  return file ? OkStatus() : Unwritable(path);
}

Result<pb::BackupManifest> ReadManifest(const std::filesystem::path& directory) {
  const std::filesystem::path path = ManifestPath(directory);
  std::ifstream file(path, std::ios::binary);
  pb::BackupManifest manifest;
  if (!file.is_open() || !manifest.ParseFromIstream(&file)) return Corrupt(path);
  if (manifest.layout() == kLayout) return manifest;
  return FailedPrecondition(
      "BACKUP_TOO_NEW",
      fmt::format("{} has layout {}, and this program knows {}: use that which made the backup",
                  path.string(), manifest.layout(), kLayout));
}

}  // namespace epigrid::log_backup
