#include "tools/epigridctl/import/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace epigrid::ctl {
namespace {

constexpr mode_t kOwnerOnly = 0600;

Status WriteFailed(const std::filesystem::path& path, std::string_view what) {
  return Unavailable("FILE_WRITE_FAILED", fmt::format("{} cannot be {}: {}", path.string(), what,
                                                      std::system_category().message(errno)));
}

// A new name is durable once its directory is.
Status SyncDirectory(const std::filesystem::path& path) {
  const std::filesystem::path directory = path.has_parent_path() ? path.parent_path() : ".";
  const int file = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool ok = file >= 0 && fsync(file) == 0;
  const Status status = ok ? OkStatus() : WriteFailed(directory, "synced");
  if (file >= 0) close(file);
  return status;
}

}  // namespace

Result<AppendFile> AppendFile::Open(const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kOwnerOnly);
  if (file < 0) return WriteFailed(path, "opened");
  struct stat info = {};
  if (fstat(file, &info) != 0) {
    const Status status = WriteFailed(path, "examined");
    close(file);
    return status;
  }
  AppendFile opened(path, file, static_cast<uint64_t>(info.st_size));
  EPIGRID_RETURN_IF_ERROR(SyncDirectory(path));
  return opened;
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      size_(other.size_),
      synced_(other.synced_) {}

AppendFile::~AppendFile() {
  if (file_ >= 0) close(file_);
}

Status AppendFile::Failure(std::string_view what) const { return WriteFailed(path_, what); }

Status AppendFile::Truncate(uint64_t size) {
  EPIGRID_CHECK(size <= size_, "a file is cut, never made longer by what nobody wrote");
  if (ftruncate(file_, static_cast<off_t>(size)) != 0) return Failure("cut");
  size_ = size;
  synced_ = false;
  return OkStatus();
}

Status AppendFile::Append(std::string_view bytes) {
  synced_ = synced_ && bytes.empty();
  while (!bytes.empty()) {
    const ssize_t count = write(file_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failure("written");
    bytes.remove_prefix(static_cast<size_t>(count));
    size_ += static_cast<uint64_t>(count);
  }
  return OkStatus();
}

Status AppendFile::Sync() {
  if (synced_) return OkStatus();
  if (fdatasync(file_) != 0) return Failure("synced");
  synced_ = true;
  return OkStatus();
}

Status WriteDurably(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path partial = path.string() + ".partial";
  {
    EPIGRID_ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(partial));
    EPIGRID_RETURN_IF_ERROR(file.Truncate(0));
    EPIGRID_RETURN_IF_ERROR(file.Append(content));
    EPIGRID_RETURN_IF_ERROR(file.Sync());
  }
  if (rename(partial.c_str(), path.c_str()) != 0) return WriteFailed(path, "replaced");
  return SyncDirectory(path);
}

Status MakeDirectory(const std::filesystem::path& path) {
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure)) return OkStatus();
  if (path.has_parent_path()) EPIGRID_RETURN_IF_ERROR(MakeDirectory(path.parent_path()));
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return WriteFailed(path, "made");
  return SyncDirectory(path);
}

}  // namespace epigrid::ctl
